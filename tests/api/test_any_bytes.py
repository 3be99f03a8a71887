"""Whatever comes over the wire, and whatever is asked for, ends in a value or an error of this package."""

import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from airflow_provider_groq.api import calls
from airflow_provider_groq.api.client import GroqClient
from airflow_provider_groq.api.models import Model
from airflow_provider_groq.api.settings import Settings
from airflow_provider_groq.exceptions import GroqError, GroqInputError

SHARED_WIRE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)

CALLS = [
    calls.list_batches(),
    calls.get_batch("b"),
    calls.create_batch("f", endpoint="x", completion_window="24h"),
    calls.cancel_batch("b"),
    calls.delete_file("f"),
]
VERSIONS = st.sampled_from([b"HTTP/1.1 ", b"HTTP/1.0 ", b"HTTP/2 ", b"ICY "]) | st.binary(max_size=9)
STATUSES = st.sampled_from([b"200 OK", b"100 Continue", b"101 Up", b"204 No", b"302 Found", b"304 No", b"503 Busy"]) | (
    st.integers(0, 1200).map(lambda status: b"%d" % status)
)
VALUES = st.binary(max_size=30) | st.sampled_from(
    [b"2", b"-1", b"9" * 30, b"chunked", b"gzip", b"br", b"gzip, gzip", b"text/html", b"/", b"mailto:x", b"http://["]
)
NAMES = st.sampled_from(
    [
        b"Content-Length",
        b"Transfer-Encoding",
        b"Content-Encoding",
        b"Content-Type",
        b"Location",
        b"Retry-After",
        b"Set-Cookie",
        b"Connection",
    ]
) | st.binary(max_size=9)
HEADERS = st.lists(st.tuples(NAMES, VALUES).map(b": ".join), max_size=4)
JSON = st.sampled_from(
    [
        b"{}",
        b'{"data": []}',
        b'{"id": "b", "status": "x", "created_at": 1}',
        b'{"id": "f", "deleted": true}',
        b"2\r\n[]\r\n",
    ]
)
REPLIES = st.binary() | st.builds(
    lambda version, status, headers, body: version + b"\r\n".join([status, *headers, b"", body]),
    VERSIONS,
    STATUSES,
    HEADERS,
    st.binary() | JSON,
)


@SHARED_WIRE
@given(REPLIES, st.sampled_from(CALLS))
def test_any_bytes_on_the_wire_are_a_value_or_an_error_of_ours(wire, reply, call):
    wire.replies = [reply]
    with GroqClient(Settings("gsk_x", base_url=wire.url, max_retries=0)) as client:
        try:
            value = client.send(call)
        except GroqError as error:
            assert str(error).isprintable()  # noqa: PT017 - either is right
            return
    assert isinstance(value, Model)


@SHARED_WIRE
@given(REPLIES)
def test_any_bytes_on_the_wire_are_a_file_or_an_error_of_ours(wire, reply):
    wire.replies = [reply]
    sink = io.BytesIO()
    with GroqClient(Settings("gsk_x", base_url=wire.url, max_retries=0)) as client:
        try:
            size = client.download(calls.file_content("f"), sink)
        except GroqError:
            return
    assert size == len(sink.getvalue())


@SHARED_WIRE
@given(
    st.sampled_from(
        [calls.get_batch, calls.cancel_batch, calls.get_file, calls.delete_file, calls.file_content, calls.list_batches]
    )
    | st.just(lambda text: calls.get_batches([text])[0])
    | st.just(lambda text: calls.create_batch(text, endpoint=text, completion_window=text, metadata={text: text})),
    st.text() | st.sampled_from(["..", "a/..", "x" * 300, "a\r\nX: y", "%2e%2e", "?", "#"]),
)
def test_any_text_is_sent_as_one_id_or_refused(wire, http, make, text):
    wire.heads.clear()
    wire.replies = [http(b"[]")]
    with GroqClient(Settings("gsk_x", base_url=wire.url, max_retries=0)) as client:
        try:
            client.send(make(text))
        except GroqInputError:
            assert not wire.heads
            return
        except GroqError:
            pass
    ((first, *headers),) = [head.split("\r\n") for head in wire.heads]
    path = first.split(" ")[1].partition("?")[0]
    assert path.startswith(("/openai/v1/batches", "/openai/v1/files"))
    assert path.count("/") <= 5
    assert ".." not in path.split("/")
    assert not any(header.startswith("X:") for header in headers)


@pytest.mark.parametrize("text", ["x" * 256, "a b", "é", "a/../b", "%00"])
def test_odd_ids_are_sent(wire, http, text):
    wire.replies = [http(b'{"id": "b", "status": "x", "created_at": 1}')]
    with GroqClient(Settings("gsk_x", base_url=wire.url, max_retries=0)) as client:
        assert client.send(calls.get_batch(text)).id == "b"
