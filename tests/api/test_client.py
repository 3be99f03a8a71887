"""Both clients: what becomes of every kind of answer, and of none."""

import asyncio
import io
import json
import socket
import threading
from contextlib import closing

import pytest

from airflow_provider_groq.api import calls
from airflow_provider_groq.api.calls import Call
from airflow_provider_groq.api.client import AsyncGroqClient
from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.api.settings import Settings
from airflow_provider_groq.api.uploads import upload
from airflow_provider_groq.exceptions import (
    GroqAPIError,
    GroqAuthenticationError,
    GroqConnectionError,
    GroqNotFoundError,
    GroqPermissionError,
    GroqRateLimitError,
    GroqResponseError,
    GroqTransportError,
)

MODELS = calls.list_models()


def groqs(message="No.", **more):
    return {"error": {"message": message, "type": "invalid_request_error", **more}}


@pytest.mark.parametrize(
    ("status", "kind", "advice", "sent"),
    [
        (400, GroqAPIError, "", 1),
        (401, GroqAuthenticationError, "Check the API key", 1),
        (403, GroqPermissionError, "Check that the plan of", 1),
        (404, GroqNotFoundError, "Check the base URL", 1),
        (413, GroqAPIError, "", 1),
        (422, GroqAPIError, "", 1),
        (408, GroqAPIError, "", 3),
        (409, GroqAPIError, "", 3),
        (429, GroqRateLimitError, "", 3),
        (500, GroqAPIError, "", 3),
        (503, GroqAPIError, "", 3),
    ],
)
def test_an_error_of_groq_says_what_groq_says(groq_emulator, client, status, kind, advice, sent):
    groq_emulator.fault("/models", status=status, json=groqs("No, {{ you }}.", code="some_code"), times=None)
    with pytest.raises(GroqAPIError) as caught:
        client(max_retries=2).send(MODELS)
    assert type(caught.value) is kind
    assert str(caught.value).startswith(f"GET /models returned {status} some_code: No, {{{{ you }}}}.")
    assert advice in str(caught.value)
    assert (caught.value.status_code, caught.value.type) == (status, "invalid_request_error")
    assert (caught.value.code, caught.value.retry_after) == ("some_code", None)
    assert len(groq_emulator.requests()) == sent


def test_a_plan_without_batches(groq_emulator, client):
    groq_emulator.set(plan_has_batch=False)
    with pytest.raises(GroqPermissionError, match="403 not_available_for_plan.*not available for your current plan"):
        client().send(calls.list_batches())


def test_a_batch_of_another_account(client, file_id):
    batch = client().send(calls.create_batch(file_id, endpoint="/v1/chat/completions", completion_window="24h"))
    with pytest.raises(GroqNotFoundError, match=f"404 not_found: No batch found with id '{batch.id}'"):
        client(api_key="gsk_other").send(calls.get_batch(batch.id))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"detail": "Not a batch"}, "Not a batch"),
        ({"detail": [{"loc": ["body", 0, "id"], "msg": "required"}, {"msg": "no"}]}, "422: body.0.id: required; no."),
        ({"message": "No such route"}, "No such route"),
        ({"error": "quota"}, "quota"),
        ({"error": {"message": {"en": "no"}}}, "422: en: no."),
        ({"error": "Not Found", "message": "No such file"}, "422: No such file; Not Found."),
        ({"errors": {"file": ["too large", "no JSONL"]}}, "422: file: too large; file: no JSONL."),
        ({"errors": ["one", {"message": "two", "code": "c"}]}, "422 c: one; two."),
        ({"title": "Bad Request", "detail": "No such file"}, "422: No such file; Bad Request."),
        ("upstream connect error: " + "x" * 300, "beginning 'upstream connect error: " + "x" * 300),
        ({"error": {"message": None, "code": 42}}, "422 42: not a Groq error body, but application/json"),
        ([{"error": {"message": "no", "status": "INVALID"}}], "422: no."),
        ([], "not a Groq error body, but application/json, 2 bytes, beginning '[]'"),
        ("upstream  connect\nerror", "text/plain, 23 bytes, beginning 'upstream connect error'"),
        ("", "text/plain, 0 bytes"),
        ("<html><h1>Bad</h1></html>", "beginning '<html><h1>Bad</h1></html>'"),
    ],
)
def test_an_error_of_a_gateway_is_shown_in_whatever_form_it_comes(groq_emulator, client, body, said):
    groq_emulator.fault("/models", status=422, **{"body" if isinstance(body, str) else "json": body})
    with pytest.raises(GroqAPIError) as caught:
        client().send(MODELS)
    assert said in str(caught.value)
    assert caught.value.status_code == 422


NOT_GROQS = [
    ({"body": "<html>Please log in</html>", "content_type": "text/html"}, "text/html, 26 bytes, beginning '<html>Pl"),
    ({"body": '{"object": "list", "da', "content_type": "application/json"}, "Invalid JSON: EOF while parsing"),
    ({"body": ""}, "Invalid JSON"),
    ({"json": {"object": "list"}}, "data: Field required"),
    ({"json": {"data": [{"name": "m"}]}}, "data.0.id: Field required"),
    ({"json": []}, "Input should be an object"),
    ({"status": 204, "body": ""}, "returned 204"),
]


@pytest.mark.parametrize(("fault", "said"), NOT_GROQS)
def test_an_answer_that_is_not_groqs_is_described(groq_emulator, client, fault, said):
    groq_emulator.fault("/models", times=None, **fault)
    with pytest.raises(GroqResponseError) as caught:
        client(max_retries=1).send(MODELS)
    assert said in str(caught.value)
    assert "Check for a proxy in between" in str(caught.value)
    assert len(groq_emulator.requests()) == 2


@pytest.mark.parametrize("fault", [fault for fault, _ in NOT_GROQS])
def test_an_answer_that_is_not_groqs_may_be_followed_by_one_that_is(groq_emulator, client, fault):
    groq_emulator.fault("/models", **fault)
    assert client().send(MODELS).data


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_refused_and_the_key_does_not_go_there(groq_emulator, client, wire, status):
    groq_emulator.fault("/models", status=status, headers={"Location": f"{wire.url}/models"})
    with pytest.raises(GroqConnectionError, match=f"redirect to '{wire.url}/models'.*to protect the key: correct"):
        client(max_retries=0).send(MODELS)
    assert wire.heads == []


@pytest.mark.parametrize("status", [300, 304, 307])
def test_a_redirect_to_nowhere_is_an_error_like_others(groq_emulator, client, status):
    groq_emulator.fault("/models", status=status, body="")
    with pytest.raises(GroqAPIError, match=f"returned {status}"):
        client().send(MODELS)


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 401, "json": groqs("Bad key: KEY", type="KEY", code="KEY")},
        {"status": 422, "json": {"detail": [{"input": "Bearer KEY"}]}},
        {"status": 502, "body": "Authorization: Bearer KEY"},
        {"body": "<pre>Authorization: Bearer KEY</pre>", "content_type": "text/html"},
        {"status": 302, "body": "", "headers": {"Location": "https://proxy.example/?token=KEY"}},
    ],
)
def test_a_key_that_the_server_echoes_is_struck_out(groq_emulator, client, key, fault):
    groq_emulator.fault("/models", **json.loads(json.dumps(fault).replace("KEY", key)))
    with pytest.raises((GroqAPIError, GroqConnectionError, GroqResponseError)) as caught:
        client(max_retries=0).send(MODELS)
    assert "***" in str(caught.value)
    assert key not in str(caught.value) + repr(vars(caught.value)) + repr(caught.value.__cause__)


def test_an_answer_of_more_than_16_mb_is_given_up(wire, client):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n"
    sent = 0

    def reply():
        nonlocal sent
        yield head
        while True:
            yield b" " * 65536
            sent += 65536

    wire.replies = [reply()]
    with pytest.raises(GroqResponseError, match="more than 16,777,216 bytes; reading stopped"):
        client(base_url=wire.url, max_retries=0).send(MODELS)
    assert sent < 40 << 20


@pytest.mark.parametrize("reply", [b"", b"HTTP/1.1 200 OK\r\nContent-Le", b"SSH-2.0-OpenSSH_9.6\r\n\r\n"])
def test_what_is_no_whole_http_answer(wire, client, reply):
    wire.replies = [reply]
    with pytest.raises(GroqTransportError, match="GET /models got no complete response: RemoteProtocolError") as caught:
        client(base_url=wire.url, max_retries=2).send(MODELS)
    assert caught.value.sent
    assert len(wire.heads) == 3


def test_a_body_that_cannot_be_decompressed(wire, http, client):
    wire.replies = [http(b"no gzip", headers="Content-Encoding: gzip\r\n")]
    with pytest.raises(GroqResponseError, match="cannot be decompressed"):
        client(base_url=wire.url, max_retries=0).send(MODELS)


@pytest.mark.parametrize("drop", ["before", "after"])
def test_a_dropped_connection_is_tried_again(groq_emulator, client, drop):
    groq_emulator.fault("/models", drop=drop, times=2)
    assert client().send(MODELS).data
    assert len(groq_emulator.requests()) == 3


def test_patience_ends(groq_emulator, client):
    groq_emulator.fault("/models", delay=3)
    with pytest.raises(GroqTransportError, match="GET /models got no complete response: ReadTimeout") as caught:
        client(timeout=0.1, max_retries=0).send(MODELS)
    assert caught.value.sent


def test_a_slow_answer_within_the_patience_is_good(groq_emulator, client):
    groq_emulator.fault("/models", delay=0.1)
    assert client(timeout=5, max_retries=0).send(MODELS).data


def test_nobody_listens(client):
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(GroqTransportError, match="GET /models could not be sent: ConnectError") as caught:
        client(base_url=address, max_retries=1).send(MODELS)
    assert not caught.value.sent


@pytest.mark.parametrize("retries", [0, 1, 4])
def test_a_call_is_sent_again_as_often_as_told(groq_emulator, client, retries):
    groq_emulator.fault("/models", status=503, times=None)
    with pytest.raises(GroqAPIError):
        client(max_retries=retries).send(MODELS)
    assert len(groq_emulator.requests()) == retries + 1
    with pytest.raises(GroqAPIError):
        client(max_retries=3).send(MODELS, max_retries=retries)
    assert len(groq_emulator.requests()) == 2 * (retries + 1)


def test_retry_after_is_waited_for(groq_emulator, client):
    groq_emulator.fault("/models", status=429, headers={"Retry-After": "0.2"})
    assert client().send(MODELS).data
    first, second = groq_emulator.requests()
    assert second.time - first.time >= 0.2


CREATE = {"endpoint": "/v1/chat/completions", "completion_window": "24h"}


@pytest.mark.parametrize("gateway", [{"omit_nulls": True}, {"blank_ids": True}, {"ignore_ids": True}], ids=str)
def test_a_gateways_batches_are_read(groq_emulator, client, file_id, gateway):
    groq_emulator.set(**gateway)
    made = client().send(calls.create_batch(file_id, **CREATE))
    assert (made.output_file_id, made.errors) == (None, ())
    assert [batch.id for batch in client().send(calls.list_batches()).data] == [made.id]


@pytest.mark.parametrize("errors_as_list", [True, False])
def test_the_errors_of_a_rejected_batch_are_read(groq_emulator, client, file_id, errors_as_list):
    groq_emulator.set(errors_as_list=errors_as_list)
    batch = client().send(calls.create_batch(file_id, **CREATE))
    groq_emulator.force_status(batch.id, "failed", errors=[{"code": "c", "message": "m", "line": 7}])
    batch = client().send(calls.get_batch(batch.id))
    assert isinstance(batch, Batch)
    assert [(error.code, error.message, error.line) for error in batch.errors] == [("c", "m", 7)]


def test_headers_of_the_connection_go_with_each_request(wire, client, http, key):
    wire.replies = [http(b'{"data": []}'), http(b'{"id": "file_1", "object": "file"}'), http(b"{}")]
    sender = client(base_url=wire.url, headers={"X-Team": "ours", "user-agent": "a gateway's", "x-KEY": "Bearer b"})
    sender.send(calls.list_batches())
    sender.send(calls.upload_file(upload(io.BytesIO(b"{}"), max_bytes=10)))
    sender.download(calls.file_content("file_1"), io.BytesIO())
    for head in wire.heads:
        lines = head.lower().split("\r\n")
        assert {"x-team: ours", "user-agent: a gateway's", "x-key: bearer b"} <= {*lines}
        assert f"authorization: bearer {key}" in lines
        assert sum(line.startswith("user-agent:") for line in lines) == 1
    assert len(wire.heads) == 3


@pytest.mark.parametrize(("chars", "in_loop"), [(10, True), (300_000, False)])
async def test_a_large_answer_is_read_in_a_thread(groq_emulator, chars, in_loop):
    """So that nothing else in the event loop waits for it."""
    groq_emulator.fault("/models", status=200, body="x" * chars)
    settings = Settings(api_key="gsk_key_of_tests", base_url=groq_emulator.url)
    async with await asyncio.to_thread(AsyncGroqClient, settings) as client:
        thread, size = await client.send(Call("GET", "/models", lambda body: (threading.get_ident(), len(body))))
    assert size == chars
    assert (thread == threading.get_ident()) == in_loop
