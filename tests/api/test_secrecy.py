"""The key in no output: not in errors, their tracebacks or their copies, and in no log of whatever level."""

import io
import logging
import pickle
import traceback

import pytest

from airflow_provider_groq.api import calls
from airflow_provider_groq.api.client import GroqClient
from airflow_provider_groq.api.uploads import upload
from airflow_provider_groq.exceptions import GroqConnectionError, GroqError, GroqInputError, GroqLostAnswerError

OK = "HTTP/1.1 200 OK\r\nConnection: close\r\n"
ECHOES = {
    "everything": "GET /models HTTP/1.1\r\nAuthorization: Bearer KEY\r\n\r\n",
    "as a status line": "Authorization: Bearer KEY\r\n\r\n",
    "in the status line": "HTTP/1.1 KEY\r\n\r\n",
    "in a header without a colon": f"{OK}Authorization Bearer KEY\r\n\r\n",
    "as the length": f"{OK}Content-Length: KEY\r\n\r\n",
    "as the encoding of the content": f"{OK}Content-Encoding: KEY\r\n\r\n[]",
    "as a compression": f"{OK}Content-Encoding: br, KEY\r\n\r\n[]",
    "as the encoding of the transfer": f"{OK}Transfer-Encoding: KEY\r\n\r\n[]",
    "in a chunk": f"{OK}Transfer-Encoding: chunked\r\n\r\nBearer KEY\r\n",
    "as the type of an error": "HTTP/1.1 500 No\r\nConnection: close\r\nContent-Type: KEY\r\n\r\n",
    "as the type of an answer": f"{OK}Content-Type: KEY\r\n\r\n[]",
    "as the port of a redirect": "HTTP/1.1 302 No\r\nContent-Length: 0\r\nLocation: http://x:KEY/\r\n\r\n",
    "as the host of a redirect": "HTTP/1.1 302 No\r\nContent-Length: 0\r\nLocation: http://[KEY/\r\n\r\n",
    "in a redirect": "HTTP/1.1 302 No\r\nContent-Length: 0\r\nLocation: /?key=KEY\r\n\r\n",
    "as JSON": f'{OK}\r\n{{"data": [{{"KEY": "KEY"}}, "KEY"]}}',
    "as what is no JSON": f'{OK}\r\n{{"data": KEY}}',
    "as an error": 'HTTP/1.1 400 No\r\nConnection: close\r\n\r\n{"error": {"KEY": "KEY", "message": "KEY"}}',
    "escaped": 'HTTP/1.1 400 No\r\nConnection: close\r\n\r\n{"error": {"message": "\\u0067REST"}}',
}
CALLS = {
    "ask": calls.list_batches(),
    "create": calls.create_batch("file_1", endpoint="/v1/chat/completions", completion_window="24h"),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("where", ECHOES)
def test_a_server_that_sends_the_key_back_cannot_get_it_shown(wire, client, key, where, call):
    reply = ECHOES[where].replace("REST", key[1:]).replace("KEY", key)
    wire.replies = [reply.encode()]
    with pytest.raises(GroqError) as caught:
        client(base_url=wire.url, max_retries=0).send(CALLS[call])
    error = caught.value
    shown = "".join(traceback.format_exception(error))
    assert type(error).__name__ in shown
    assert key not in shown + repr(error) + repr(vars(error)) + repr(pickle.dumps(error))


@pytest.mark.parametrize("where", ECHOES)
def test_a_server_that_sends_a_header_back_cannot_get_it_shown(wire, client, where):
    secret = "secret-of-the-gateway"
    reply = ECHOES[where].replace("\\u0067REST", secret).replace("KEY", secret)
    wire.replies = [reply.encode()]
    with pytest.raises(GroqError) as caught:
        client(base_url=wire.url, max_retries=0, headers={"X-Key": f"Bearer {secret}"}).send(CALLS["ask"])
    shown = "".join(traceback.format_exception(caught.value))
    assert type(caught.value).__name__ in shown
    assert secret not in shown + repr(caught.value) + repr(vars(caught.value))


def test_the_key_is_in_no_log_of_any_level(groq_emulator, client, key, line, caplog):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(GroqError):
        client(base_url="http://127.0.0.1:9", max_retries=1).send(calls.list_models())
    groq_emulator.fault("/files", status=429, headers={"Retry-After": "0"})
    groq_emulator.fault("/batches", drop="after")
    mine = client()
    file = mine.send(calls.upload_file(upload(io.BytesIO(line), max_bytes=1000)))
    mine.download(calls.file_content(file.id), io.BytesIO())
    with pytest.raises(GroqLostAnswerError):
        mine.send(calls.create_batch(file.id, endpoint="/v1/chat/completions", completion_window="24h"))
    said = "\n".join(str(vars(record)) + record.getMessage() for record in caplog.records)
    assert "httpcore" in said
    assert key not in said


def test_the_key_is_not_shown_where_a_client_is(settings, key):
    with GroqClient(settings()) as client:
        assert key not in repr(client) + repr(client.settings) + repr(vars(client)) + repr(client._http.headers)


@pytest.mark.parametrize("location", ["mailto:x", "http://[", "http://x:y", "//", "http://\xff\x7f", "x" * 70_000])
def test_a_redirect_to_what_is_no_url_is_an_error_of_ours(wire, client, location):
    head = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: "
    wire.replies = [head + location.encode("latin-1") + b"\r\n\r\n"]
    with pytest.raises(GroqError) as caught:
        client(base_url=wire.url, max_retries=0).send(calls.list_models())
    assert "URL" in str(caught.value) or isinstance(caught.value, GroqConnectionError)
    assert len(wire.heads) == 1


def test_a_redirect_that_never_ends_is_one_request(groq_emulator, client):
    groq_emulator.fault(status=307, headers={"Location": f"{groq_emulator.url}/openai/v1/models"}, times=None)
    with pytest.raises(GroqConnectionError, match="Redirects are not followed"):
        client().send(calls.list_models())
    assert len(groq_emulator.requests()) == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda: calls.list_batches("\ud800"),
        lambda: calls.list_batches("x" * 70_000),
        lambda: calls.create_batch("file_1", endpoint="\ud800", completion_window="24h"),
        lambda: calls.create_batch("file_1", endpoint="x", completion_window="y", metadata={"a": "\udfff"}),
        lambda: calls.poll_batches(["x" * 400] * 200),
        lambda: calls.poll_batches(["\ud800"]),
    ],
)
def test_what_cannot_be_sent_is_said_and_nothing_is_sent(groq_emulator, client, make):
    with pytest.raises(GroqInputError):
        client().send(make())
    assert groq_emulator.requests() == []
