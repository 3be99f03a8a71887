"""Calls: what each of Groq's endpoints is sent."""

from contextlib import suppress
from urllib.parse import parse_qsl

import pytest

from airflow_provider_groq.api import calls
from airflow_provider_groq.api.client import GroqClient
from airflow_provider_groq.api.uploads import upload
from airflow_provider_groq.exceptions import GroqInputError, GroqNotFoundError

BODY = {"input_file_id": "file_1", "endpoint": "/v1/chat/completions", "completion_window": "24h"}


@pytest.mark.parametrize(
    ("call", "method", "path", "query"),
    [
        (calls.get_file("file_1"), "GET", "/files/file_1", ""),
        (calls.list_files(), "GET", "/files", ""),
        (calls.delete_file("file_1"), "DELETE", "/files/file_1", ""),
        (calls.file_content("file_1"), "GET", "/files/file_1/content", ""),
        (calls.create_batch(**BODY), "POST", "/batches", ""),
        (calls.get_batch("batch_1"), "GET", "/batches/batch_1", ""),
        (calls.get_batches(["a", "b"])[0], "GET", "/batches", "id=a&id=b"),
        (calls.list_batches(), "GET", "/batches", ""),
        (calls.list_batches(after="batch_1"), "GET", "/batches", "after=batch_1"),
        (calls.cancel_batch("batch_1"), "POST", "/batches/batch_1/cancel", ""),
        (calls.list_models(), "GET", "/models", ""),
    ],
    ids=str,
)
def test_each_endpoint_has_its_method_path_and_query(groq_emulator, settings, call, method, path, query):
    with GroqClient(settings()) as client, suppress(GroqNotFoundError):
        client.send(call)
    (request,) = groq_emulator.requests()
    assert (request.method, request.path, request.query) == (method, f"/openai/v1{path}", query)
    assert str(call) == f"{method} {path}"


def test_an_upload_goes_to_files_with_its_name_purpose_and_bytes(groq_emulator, settings, tmp_path):
    path = tmp_path / "input é.jsonl"
    path.write_bytes(b'{"text": "\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d"}\r\n')
    with GroqClient(settings()) as client:
        file = client.send(calls.upload_file(upload(path, max_bytes=1000)))
    (request,) = groq_emulator.requests()
    assert (request.method, request.path) == ("POST", "/openai/v1/files")
    assert (file.purpose, file.filename, file.bytes) == ("batch", "input é.jsonl", path.stat().st_size)
    assert groq_emulator.file_content(file.id) == path.read_bytes()


@pytest.mark.parametrize("metadata", [{"team": "a", "é": "{{ ds }}"}, {}, None])
def test_a_batch_is_created_with_all_that_was_asked(groq_emulator, settings, file_id, metadata):
    with GroqClient(settings()) as client:
        batch = client.send(
            calls.create_batch(file_id, endpoint=BODY["endpoint"], completion_window="7d", metadata=metadata)
        )
    (stored,) = groq_emulator.batches()
    assert (stored["id"], stored["input_file_id"], stored["completion_window"]) == (batch.id, file_id, "7d")
    assert stored["endpoint"] == BODY["endpoint"]
    assert stored["metadata"] == (metadata or None)


def test_a_cursor_is_sent_as_groq_gave_it(groq_emulator, settings, file_id):
    groq_emulator.set(page_size=1)
    with GroqClient(settings()) as client:
        made = [client.send(calls.create_batch(**BODY | {"input_file_id": file_id})).id for _ in range(2)]
        first = client.send(calls.list_batches())
        second = client.send(calls.list_batches(first.next_cursor))
    assert [batch.id for batch in (*first.data, *second.data)] == made[::-1]
    assert second.next_cursor is None
    assert groq_emulator.requests("GET", "/batches")[-1].query == f"cursor={first.next_cursor}"


@pytest.mark.parametrize(
    ("asked", "sizes"),
    [(0, []), (1, [1]), (200, [200]), (201, [200, 1]), (400, [200, 200]), (401, [200, 200, 1])],
)
def test_200_batches_are_asked_for_at_a_time(asked, sizes):
    ids = [f"batch_{number}" for number in range(asked)]
    made = calls.get_batches(iter(ids))
    assert [len(call.params) for call in made] == sizes
    assert [batch_id for call in made for _, batch_id in call.params] == ids


def test_201_ids_reach_the_server_in_two_requests_and_no_id_twice(groq_emulator, settings):
    ids = [f"batch_{number}" for number in range(201)]
    with GroqClient(settings()) as client:
        for call in calls.get_batches([*ids, *ids[:50]]):
            assert client.send(call).items == {}
    sent = [[value for _, value in parse_qsl(request.query)] for request in groq_emulator.requests()]
    assert [len(values) for values in sent] == [200, 1]
    assert sent[0] + sent[1] == ids


GROQS = [f"batch_01jgw{number:021d}" for number in range(200)]


@pytest.mark.parametrize(
    ("ids", "sizes"),
    [
        (GROQS, [200]),
        ([f"{number:0350d}" for number in range(50)], [22, 22, 6]),
        ([f"{number:01024d}" for number in range(9)], [7, 2]),
        (["a", "😀" * 1024, "b", "c"], [1, 1, 2]),
        ([*GROQS[:190], "x" * 1000, *GROQS[190:]], [190, 11]),
        ([], []),
    ],
)
def test_fewer_long_ids_are_asked_for_at_a_time(ids, sizes):
    """Common servers take 8,192 characters with the path."""
    groups = list(calls.grouped(ids))
    assert [len(group) for group in groups] == sizes
    assert [batch_id for group in groups for batch_id in group] == ids
    assert [[batch_id for _, batch_id in call.params] for call in calls.get_batches(ids)] == groups


def test_an_address_with_as_many_ids_as_it_takes_has_room_for_its_path(wire, http, settings):
    wire.replies = [http(b'{"data": []}')]
    with GroqClient(settings(base_url=wire.url)) as client:
        for ids in (GROQS, [f"{number:0350d}" for number in range(200)], ["a b" * 100] * 50):
            for group in calls.grouped(ids):
                client.send(calls.poll_batches(group))
    assert 7_000 < max(len(head.splitlines()[0]) for head in wire.heads) < 8_000


def test_text_is_no_list_of_ids():
    with pytest.raises(GroqInputError, match="must be a list of ids, but is 'batch_1'"):
        calls.get_batches("batch_1")


STRANGE_ID = "a/../b?c=d#e é%2F"
QUOTED = "a%2F..%2Fb%3Fc%3Dd%23e%20%C3%A9%252F"


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (calls.get_file(STRANGE_ID), f"GET /openai/v1/files/{QUOTED}"),
        (calls.delete_file(STRANGE_ID), f"DELETE /openai/v1/files/{QUOTED}"),
        (calls.file_content(STRANGE_ID), f"GET /openai/v1/files/{QUOTED}/content"),
        (calls.get_batch(STRANGE_ID), f"GET /openai/v1/batches/{QUOTED}"),
        (calls.cancel_batch(STRANGE_ID), f"POST /openai/v1/batches/{QUOTED}/cancel"),
    ],
    ids=str,
)
def test_an_id_is_one_segment_of_the_path_whatever_it_holds(wire, http, settings, call, line):
    wire.replies = [http(status="404 Not Found")]
    with GroqClient(settings(base_url=wire.url)) as client, pytest.raises(GroqNotFoundError):
        client.send(call)
    assert [head.splitlines()[0] for head in wire.heads] == [f"{line} HTTP/1.1"]


@pytest.mark.parametrize("value", ["", " ", ".", "..", "a\nb", "\ud800", None, 5])
@pytest.mark.parametrize(
    "make",
    [
        calls.get_file,
        calls.delete_file,
        calls.file_content,
        calls.get_batch,
        calls.cancel_batch,
        lambda value: calls.get_batches(["good", value]),
    ],
)
def test_what_is_no_id_is_refused_before_anything_is_sent(make, value):
    with pytest.raises(GroqInputError, match="_id must be an id from Groq, but is "):
        make(value)


@pytest.mark.parametrize("make", [calls.get_file, calls.cancel_batch, lambda value: calls.get_batches([value])])
def test_what_is_far_too_long_for_an_id_is_refused_and_shown_in_part(make):
    with pytest.raises(GroqInputError, match="but has 70,000 characters: 'xxx") as caught:
        make("x" * 70_000)
    assert len(str(caught.value)) < 200


def test_a_batch_is_not_created_of_what_is_no_id():
    with pytest.raises(GroqInputError, match="input_file_id must be an id from Groq, but is ''"):
        calls.create_batch(**BODY | {"input_file_id": ""})
