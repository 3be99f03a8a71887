"""The hook: every method against the emulator."""

import io
import re
import socket
import tempfile
import time
from contextlib import closing
from pathlib import Path

import pytest
from airflows import since

from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.exceptions import (
    GroqAuthenticationError,
    GroqInputError,
    GroqLostAnswerError,
    GroqNotFoundError,
    GroqPermissionError,
    GroqTransportError,
)


def test_a_file_goes_up_is_described_listed_downloaded_and_deleted(hook, line, tmp_path):
    path = tmp_path / "input.jsonl"
    path.write_bytes(line)
    file = hook.upload_file(path)
    assert (file.filename, file.bytes, file.purpose) == ("input.jsonl", len(line), "batch")
    assert hook.get_file(file.id) == file
    named = hook.upload_file(io.BytesIO(line), filename="other.jsonl")
    assert [listed.id for listed in hook.list_files()] == [named.id, file.id]
    sink = io.BytesIO()
    assert hook.download_file(file.id, sink) == len(line)
    assert sink.getvalue() == line
    assert hook.delete_file(file.id).deleted
    with pytest.raises(GroqNotFoundError, match=f"No such File object: {file.id}"):
        hook.get_file(file.id)


@pytest.fixture
def file_id(hook, line):
    return hook.upload_file(io.BytesIO(line)).id


def test_a_file_is_downloaded_to_a_path(hook, line, file_id, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "linked.jsonl")
    (tmp_path / "old.jsonl").write_text("what was there")
    for target in (tmp_path / "a.jsonl", str(tmp_path / "b.jsonl"), "~/c.jsonl", "~/old.jsonl", "~/link.jsonl"):
        assert hook.download_file(file_id, target) == len(line)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"a.jsonl", "b.jsonl", "c.jsonl", "old.jsonl", "link.jsonl", "linked.jsonl"}
    assert {(tmp_path / name).read_bytes() for name in names} == {line}
    assert (tmp_path / "link.jsonl").is_symlink()


def test_a_download_that_fails_leaves_what_was_there(groq_emulator, hook, file_id, tmp_path):
    path = tmp_path / "old.jsonl"
    path.write_text("what was there")
    groq_emulator.fault(f"/files/{file_id}/content", drop="before", times=None)
    with pytest.raises(GroqTransportError):
        hook.download_file(file_id, path)
    with pytest.raises(GroqNotFoundError):
        hook.download_file("file_of_nobody", tmp_path / "new.jsonl")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("old.jsonl", "what was there")]


def open_to_read():
    return Path(__file__).open("rb")


def temporary():
    return tempfile.NamedTemporaryFile("w")


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (lambda folder: folder, "is a folder: name a file to download to."),
        (lambda _: "", "is a folder: name a file to download to."),
        (lambda _: "/dev/null", "/dev/null is no file: name a file to download to."),
        (lambda folder: folder / "missing" / "a.jsonl", "a.jsonl cannot be written: No such file or directory."),
        (lambda _: "a\0b", "cannot be written: "),
        (lambda _: "s3://bucket/a.jsonl", "'s3://bucket/a.jsonl' is not a local path. Open it with airflow.sdk.Object"),
        (lambda _: io.StringIO(), "a file open for writing bytes, but is StringIO. Open it"),
        (lambda _: temporary(), "but is _TemporaryFileWrapper. Open it with mode 'wb'."),
        (lambda folder: (folder / "a.jsonl").open("w"), "but is TextIOWrapper. Open it with mode 'wb'."),
        (lambda _: open_to_read(), "but is BufferedReader. Open it with mode 'wb'."),
        (lambda _: None, "but is NoneType."),
        (lambda _: bytearray(), "but is bytearray."),
    ],
)
def test_where_no_file_can_be_downloaded_to_is_said_before_anything_is_sent(
    groq_emulator, hook, tmp_path, target, message
):
    made = target(tmp_path)
    try:
        with pytest.raises(GroqInputError) as caught:
            hook.download_file("file_1", made)
    finally:
        if hasattr(made, "close"):
            made.close()
    assert message in str(caught.value)
    assert not groq_emulator.requests()


def test_the_limit_for_files_is_the_connections(groq_emulator, hook, connect):
    connect(host=groq_emulator.url, extra={"max_file_bytes": 10})
    with pytest.raises(GroqInputError, match="has 11 bytes, but at most 10 are accepted"):
        hook.upload_file(io.BytesIO(b"x" * 11))
    assert groq_emulator.requests() == []


def test_a_batch_is_created_asked_for_and_cancelled(groq_emulator, hook, line):
    file = hook.upload_file(io.BytesIO(line))
    made = hook.create_batch(file.id, completion_window="7d", metadata={"team": "a"})
    assert (made.input_file_id, made.endpoint) == (file.id, "/v1/chat/completions")
    assert (made.completion_window, made.metadata, made.status) == ("7d", {"team": "a"}, "validating")
    assert hook.get_batch(made.id) == made
    assert hook.cancel_batch(made.id).status == "cancelling"
    groq_emulator.advance(60)
    assert hook.get_batch(made.id).status == "cancelled"


@pytest.mark.parametrize(
    ("odd", "is_given"),
    [
        ({"id": "x" * 350}, True),
        ({"errors": "text", "metadata": [1], "created_at": "then", "request_counts": "3/5"}, True),
        ({"status": None}, False),
        ({"id": {}}, False),
    ],
    ids=["long id", "odd fields", "no status", "no id"],
)
def test_one_odd_batch_does_no_harm_to_the_others(groq_emulator, hook, line, odd, is_given):
    file = hook.upload_file(io.BytesIO(line))
    for _ in range(3):
        hook.create_batch(file.id)
    listed = groq_emulator.batches()
    listed[1] |= odd
    groq_emulator.fault("/batches", method="GET", times=2, json={"object": "list", "data": listed})
    given = [batch["id"] for batch in (listed if is_given else listed[::2])]
    assert [batch.id for batch in hook.list_batches()] == given
    assert list(hook.get_batches(given)) == given


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"endpoint": "/v1/embeddings"}, "endpoint is '/v1/embeddings'"),
        ({"completion_window": "12h"}, "completion_window is '12h'"),
        ({"completion_window": "1 day"}, "completion_window is '1 day'"),
        ({"metadata": {"n": 5}}, r"metadata\['n'\] is 5"),
        ({"metadata": {"a": "\ud800"}}, r"metadata\['a'\] is '\\ud800'"),
    ],
)
def test_what_groq_would_not_take_is_not_sent(groq_emulator, hook, options, message):
    with pytest.raises(GroqInputError, match=message):
        hook.create_batch("file_1", **options)
    assert groq_emulator.requests() == []


def test_a_batch_whose_creation_is_in_doubt_is_not_created_again(groq_emulator, hook, line):
    file = hook.upload_file(io.BytesIO(line))
    groq_emulator.fault("/batches", method="POST", drop="after")
    with pytest.raises(GroqLostAnswerError):
        hook.create_batch(file.id)
    assert len(groq_emulator.batches()) == 1


def test_a_batch_of_nobody_and_of_another_account(groq_emulator, hook, new_batch, connect):
    with pytest.raises(GroqNotFoundError, match="No batch found with id 'batch_nope'.*belongs to the account"):
        hook.get_batch("batch_nope")
    made = new_batch()
    groq_emulator.set(foreign_status=403)
    hook.close()
    connect(host=groq_emulator.url, password="gsk_other")
    with pytest.raises(GroqPermissionError, match="403.*to the same account"):
        hook.get_batch(made)


def test_many_batches_come_by_id_in_the_order_asked_for(groq_emulator, hook, new_batch):
    made = [new_batch() for _ in range(3)]
    asked = [made[1], "batch_nope", made[2], made[0], made[1]]
    found = hook.get_batches(iter(asked))
    assert list(found) == [made[1], made[2], made[0]]
    assert all(isinstance(batch, Batch) and batch.id == batch_id for batch_id, batch in found.items())
    assert len(groq_emulator.requests("GET", "/batches")) == 1


def test_201_batches_take_two_requests(groq_emulator, hook, new_batch):
    made = new_batch()
    asked = [*(f"batch_{number}" for number in range(200)), made]
    assert list(hook.get_batches(asked)) == [made]
    assert len(groq_emulator.requests("GET", "/batches")) == 2


def asked_for_many(groq_emulator):
    """How many requests were about several batches."""
    return sum("id=" in request.query for request in groq_emulator.requests("GET"))


@pytest.mark.parametrize("page_size", [1, 2, 3, 5, 100])
@pytest.mark.parametrize("place", ["first", "last", "nowhere"])
def test_a_gateway_that_ignores_the_ids_is_asked_for_what_its_page_lacks(
    groq_emulator, hook, new_batch, page_size, place
):
    """Whether a batch of somebody else is on the page or not; what Groq does not know is left out here too."""
    foreign = {new_batch()} if place == "last" else set()
    made = [new_batch() for _ in range(4)]
    foreign |= {new_batch()} if place == "first" else set()
    groq_emulator.set(ignore_ids=True, page_size=page_size)
    found = hook.get_batches([*made, "batch_nope"])
    assert list(found) == made
    assert all(batch.id == batch_id for batch_id, batch in found.items())
    assert asked_for_many(groq_emulator) == 1


def test_a_gateway_is_not_asked_for_many_again_in_the_same_call(groq_emulator, hook, new_batch):
    made = new_batch()
    groq_emulator.set(ignore_ids=True)
    asked = [*(f"batch_{number}" for number in range(200)), made]
    assert list(hook.get_batches(asked)) == [made]
    assert asked_for_many(groq_emulator) == 1


def test_a_batch_of_others_that_cannot_be_read_spoils_no_answer(groq_emulator, hook, new_batch):
    made, foreign = [new_batch() for _ in range(2)], new_batch()
    groq_emulator.force_status(foreign, "x" * 300)
    groq_emulator.set(ignore_ids=True)
    assert list(hook.get_batches(made)) == made


def test_no_batches_take_no_request(groq_emulator, hook):
    assert hook.get_batches([]) == {}
    assert groq_emulator.requests() == []


def test_one_id_is_no_list_of_them(hook):
    with pytest.raises(GroqInputError, match="must be a list of ids, but is 'batch_1'"):
        hook.get_batches("batch_1")


@pytest.mark.parametrize("gateway", [False, True], ids=["groq", "gateway"])
def test_the_listing_goes_over_all_pages_newest_first(groq_emulator, hook, new_batch, gateway):
    """A gateway ignores `cursor` and pages by `after`."""
    groq_emulator.set(page_size=2, ignore_ids=gateway)
    made = [new_batch() for _ in range(5)]
    groq_emulator.clear_requests()
    assert [batch.id for batch in hook.list_batches()] == made[::-1]
    assert len(groq_emulator.requests()) == 3


def test_pages_are_asked_for_as_they_are_needed(groq_emulator, hook, new_batch):
    groq_emulator.set(page_size=2)
    for _ in range(3):
        new_batch()
    groq_emulator.clear_requests()
    listed = hook.list_batches()
    assert groq_emulator.requests() == []
    next(listed)
    next(listed)
    assert len(groq_emulator.requests()) == 1
    assert len(list(listed)) == 1
    assert len(groq_emulator.requests()) == 2


@pytest.mark.parametrize(
    "more", [{"paging": {"next_cursor": "again"}}, {"has_more": True}, {"has_more": True, "x": None}]
)
def test_a_listing_ends_though_the_server_sends_the_same_page_for_ever(groq_emulator, hook, more):
    data = [{"id": f"batch_{number}", "status": "completed", "created_at": 1} for number in range(2)]
    groq_emulator.fault("/batches", json={"object": "list", "data": data, **more}, times=None)
    assert [batch.id for batch in hook.list_batches()] == ["batch_0", "batch_1"]
    assert len(groq_emulator.requests()) == 2


@pytest.mark.parametrize(
    "page", [{"data": []}, {"data": None}, {"data": [], "paging": None}, {"data": [], "has_more": True}]
)
def test_an_account_without_batches(groq_emulator, hook, page):
    groq_emulator.fault("/batches", json=page, times=None)
    assert list(hook.list_batches()) == []
    assert len(groq_emulator.requests()) == 1


def test_the_models_are_listed(hook):
    assert "openai/gpt-oss-20b" in [model.id for model in hook.list_models()]


def test_a_good_connection_is_told_to_work(groq_emulator, hook):
    good, message = hook.test_connection()
    assert good
    assert re.fullmatch(r"Groq knows the key and offers \d+ models, and the key can use batches\.", message)
    asked = [(request.method, request.path) for request in groq_emulator.requests()]
    assert asked == [("GET", "/openai/v1/models"), ("GET", "/openai/v1/batches")]


def test_a_plan_without_batches_is_told_in_words(groq_emulator, hook):
    groq_emulator.set(plan_has_batch=False)
    good, message = hook.test_connection()
    assert not good
    assert "offers 6 models, but the key is not allowed to use batches. GET /batches returned 403" in message
    assert "not_available_for_plan" in message


@pytest.mark.parametrize("fault", [{"status": 404}, {"status": 500}, {"body": "<html>", "content_type": "text/html"}])
@pytest.mark.usefixtures("quick_retries")
def test_a_gateway_that_lists_no_batches_passes_and_the_doubt_is_told(groq_emulator, hook, fault):
    groq_emulator.fault("/batches", times=None, **fault)
    good, message = hook.test_connection()
    assert good
    assert "offers 6 models. It is unknown whether the key can use batches: GET /batches" in message


def test_a_silent_server_holds_the_test_up_for_no_longer_than_a_person_waits(groq_emulator, hook, monkeypatch):
    monkeypatch.setattr("airflow_provider_groq.hooks.testing.PATIENCE", 0.3)
    groq_emulator.fault("/models", delay=30, times=None)
    began = time.monotonic()
    good, message = hook.test_connection()
    assert not good
    assert "GET /models" in message
    assert time.monotonic() - began < 15


def test_a_bad_key_is_told_in_words(groq_emulator, hook, connect):
    connect(host=groq_emulator.url)
    groq_emulator.fault("/models", status=401, json={"error": {"message": "Bad key gsk_secret_key", "type": "t"}})
    good, message = hook.test_connection()
    assert not good
    said = "GET /models returned 401: Bad key ***."
    assert message == f"{said} Check the API key (password) of this connection."


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"password": ""}, "This connection: There is no API key"),
        ({"host": "api.groq.com"}, "This connection: The base URL (host) 'api.groq.com' must begin"),
    ],
)
def test_an_unusable_connection_is_told_in_words(hook, connect, fields, message):
    connect(**fields)
    good, told = hook.test_connection()
    assert not good
    assert told.startswith(message)


@since(3, 3, "test_connection of the SDK's Connection")
def test_a_connection_tested_by_airflows_form_is_not_called_by_the_id_of_its_copy(monkeypatch):
    """Airflow makes a copy for the test, under an id of random letters."""
    from airflow.sdk import Connection

    monkeypatch.setenv("AIRFLOW_CONN_RXQZVUWP", "groq://@api.groq.com/https?ca_bundle=/missing.pem")
    copy = Connection.from_uri("groq://@", conn_id="rxqzvuwp")
    for _ in range(2):
        works, told = copy.test_connection()
        assert not works
        assert "his connection" in told
        assert "rxqzvuwp" not in told.lower()
        copy.password = "gsk_secret_key"
        copy.extra = '{"ca_bundle": "/missing.pem"}'


def test_no_server_is_told_in_words(hook, connect):
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    connect(host=f"http://127.0.0.1:{port}")
    good, message = hook.test_connection()
    assert not good
    assert message.startswith("GET /models could not be sent: ConnectError")


def test_a_page_instead_of_groq_is_told_in_words(groq_emulator, hook):
    groq_emulator.fault("/models", body="<html>Hello</html>", content_type="text/html", times=None)
    good, message = hook.test_connection()
    assert not good
    assert "Check for a proxy in between" in message


def test_the_client_is_kept_until_the_hook_is_closed(hook):
    client = hook.get_conn()
    assert hook.get_conn() is client
    hook.close()
    hook.close()
    assert hook.get_conn() is not client


def test_the_key_is_wrong_for_every_method(groq_emulator, hook):
    groq_emulator.fault(status=401, times=None)
    for method in (lambda: hook.get_batch("b"), hook.list_files, lambda: list(hook.list_batches()), hook.list_models):
        with pytest.raises(GroqAuthenticationError, match="Check the API key"):
            method()


async def test_a_client_for_coroutines(groq_emulator, hook):
    from airflow_provider_groq.api import calls

    async with await hook.get_async_conn() as client:
        assert (await client.send(calls.list_models())).data
