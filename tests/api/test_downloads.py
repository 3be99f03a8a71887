"""Downloads by both clients: every byte once, whatever happens on the way."""

import random
import time

import pytest

from airflow_provider_groq.api import calls
from airflow_provider_groq.api.client import GroqClient
from airflow_provider_groq.api.downloads import opened
from airflow_provider_groq.api.uploads import upload
from airflow_provider_groq.exceptions import (
    GroqConnectionError,
    GroqNotFoundError,
    GroqPermissionError,
    GroqResponseError,
    GroqTransportError,
)

CONTENT = random.Random(0).randbytes(1_000_003)


@pytest.fixture
def call(settings, tmp_path):
    """Asks for the content of a file at the emulator."""
    path = tmp_path / "content"
    path.write_bytes(CONTENT)
    with GroqClient(settings()) as client:
        file = client.send(calls.upload_file(upload(path, max_bytes=len(CONTENT))))
    return calls.file_content(file.id)


@pytest.fixture
def sink(tmp_path):
    with (tmp_path / "sink").open("w+b") as sink:
        yield sink


def written(sink):
    sink.seek(0)
    return sink.read()


def test_a_file_comes_whole(groq_emulator, client, call, sink):
    assert client().download(call, sink) == len(CONTENT)
    assert written(sink) == CONTENT
    assert len(groq_emulator.requests("GET", "/files")) == 1


@pytest.mark.parametrize("times", [1, 3])
def test_a_download_that_is_cut_goes_on_where_it_was(groq_emulator, client, call, sink, times):
    groq_emulator.fault("/files/*/content", drop="middle", times=times)
    assert client().download(call, sink) == len(CONTENT)
    assert written(sink) == CONTENT
    assert len(groq_emulator.requests("GET", "/files")) == times + 1


def test_a_download_that_is_cut_every_time_ends(groq_emulator, client, call, sink):
    groq_emulator.fault("/files/*/content", drop="middle", times=None)
    with pytest.raises(GroqTransportError, match=r"GET /files/.*/content got no complete response"):
        client(max_retries=3).download(call, sink)
    assert len(groq_emulator.requests("GET", "/files")) == 4
    part = written(sink)
    assert 0 < len(part) < len(CONTENT)
    assert CONTENT.startswith(part)


@pytest.mark.parametrize(
    "fault",
    [
        {"drop": "before"},
        {"drop": "after"},
        {"status": 503},
        {"status": 404},
        {"body": "<html>", "content_type": "text/html"},
    ],
)
def test_what_passes_is_ridden_out(groq_emulator, client, call, sink, fault):
    groq_emulator.fault("/files/*/content", drop="middle")
    groq_emulator.fault("/files/*/content", **fault)
    assert client().download(call, sink) == len(CONTENT)
    assert written(sink) == CONTENT


def test_a_file_that_is_gone_halfway_is_no_file_that_was_never_found(groq_emulator, client, call, sink):
    """Who waits for what is not found yet would ask again, and get the whole file behind this part."""
    groq_emulator.fault("/files/*/content", drop="middle")
    groq_emulator.fault("/files/*/content", status=404, times=None)
    with pytest.raises(GroqResponseError, match=r"returned 404.* Before that, it returned [\d,]+ bytes of it"):
        client(max_retries=2).download(call, sink)
    assert len(groq_emulator.requests("GET", "/files")) == 3


def test_a_page_of_a_proxy_is_not_taken_for_the_file(groq_emulator, client, call, sink):
    page = {"body": "<html>Please log in</html>", "content_type": "text/html; charset=utf-8"}
    groq_emulator.fault("/files/*/content", times=None, **page)
    with pytest.raises(GroqResponseError, match="beginning '<html>Please log in</html>'.*Check for a proxy in between"):
        client(max_retries=1).download(call, sink)
    assert written(sink) == b""


def test_a_file_that_does_not_exist(groq_emulator, client, sink):
    with pytest.raises(GroqNotFoundError, match="No such File object: file_nope"):
        client().download(calls.file_content("file_nope"), sink)
    assert written(sink) == b""
    assert len(groq_emulator.requests()) == 1


def test_a_plan_without_batches(groq_emulator, client, call, sink):
    groq_emulator.set(plan_has_batch=False)
    with pytest.raises(GroqPermissionError, match="not_available_for_plan"):
        client().download(call, sink)


def test_a_redirect_is_refused(groq_emulator, client, call, sink, wire):
    groq_emulator.fault("/files/*/content", status=302, headers={"Location": f"{wire.url}/elsewhere"})
    with pytest.raises(GroqConnectionError, match="redirect"):
        client(max_retries=0).download(call, sink)
    assert wire.heads == []


def test_an_empty_file(wire, http, client, sink):
    wire.replies = [http(b"")]
    assert client(base_url=wire.url).download(calls.file_content("file_1"), sink) == 0
    assert written(sink) == b""


def test_content_is_asked_for_uncompressed(wire, http, client, sink):
    """Compressed content that is cut short can look whole."""
    wire.replies = [http(b"{}\n")]
    client(base_url=wire.url).download(calls.file_content("file_1"), sink)
    assert "accept-encoding: identity" in wire.heads[0].lower()
    assert "gzip" not in wire.heads[0].lower()


CUT = {
    "fewer bytes than announced": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n12345",
    "no last chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
    "half a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n12345",
}


@pytest.mark.parametrize("kind", CUT)
def test_every_way_of_being_cut_is_noticed(wire, http, client, sink, kind):
    wire.replies = [CUT[kind], CUT[kind], http(b"123456789")]
    assert client(base_url=wire.url).download(calls.file_content("file_1"), sink) == 9
    assert written(sink) == b"123456789"


def test_a_server_that_falls_silent_midway(wire, http, client, sink):
    def stall():
        yield http(b"12345" + b"x" * 300_000)[:200_000]
        time.sleep(0.5)

    wire.replies = [stall(), http(b"12345" + b"x" * 300_000)]
    assert client(base_url=wire.url, timeout=0.3).download(calls.file_content("file_1"), sink) == 300_005
    assert written(sink) == b"12345" + b"x" * 300_000


def test_content_that_got_shorter_meanwhile_is_refused(wire, client, sink):
    large = b"x" * 600_000
    wire.replies = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n" + large,
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nshort",
    ]
    with pytest.raises(GroqResponseError, match="returned 5 bytes; before, it had"):
        client(base_url=wire.url, max_retries=2).download(calls.file_content("file_1"), sink)


def test_a_full_disk_is_no_error_of_groq(groq_emulator, client, call):
    class Full:
        def write(self, _):
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        client().download(call, Full())
    assert len(groq_emulator.requests("GET", "/files")) == 1


def test_a_download_that_stops_halfway_shows_no_half_of_it(wire, client, tmp_path):
    path = tmp_path / "new.jsonl"
    seen = []

    def halfway():
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
        seen.extend(entry.name for entry in tmp_path.iterdir())

    wire.replies = [halfway()]
    with pytest.raises(GroqTransportError), opened(path) as sink:
        client(base_url=wire.url, max_retries=0).download(calls.file_content("file_1"), sink)
    assert len(seen) == 1
    assert seen != ["new.jsonl"]
    assert not list(tmp_path.iterdir())
