"""However much a server sends, and in whatever form, the client's memory stays small."""

import gzip
import itertools
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for the memory used")

MIB = 1 << 20
GROWTH = 130
"""MiB: 16 are read, copied and parsed; the rest is Python's."""

MOST_GROWTH = 300
"""MiB, if those 16 are objects of the kind that was asked for, each of which is one in memory."""

CHILD = """
import io, sys
from pathlib import Path

from airflow_provider_groq.api import calls
from airflow_provider_groq.api.client import GroqClient
from airflow_provider_groq.api.settings import Settings
from airflow_provider_groq.batches import results
from airflow_provider_groq.exceptions import GroqError

_, url, what, max_lines = sys.argv
results.MAX_LINES = int(max_lines)
tally = results.Tally()

class Sink(io.RawIOBase):
    def write(self, chunk):
        tally.feed(chunk)
        return len(chunk)

def most():
    return next(int(line.split()[1]) for line in Path("/proc/self/status").open() if line.startswith("VmHWM"))

with GroqClient(Settings("gsk_x", base_url=url, max_retries=0)) as client:
    before = most()
    try:
        if what == "send":
            client.send(calls.list_batches())
        else:
            client.download(calls.file_content("file_1"), Sink())
            tally.end()
        outcome = dict(tally.rows)
    except GroqError as error:
        outcome = f"{type(error).__name__}: {error}"
print(most() - before, outcome)
"""


@pytest.fixture
def ask(wire):
    """Lets a process of its own ask a server; returns the memory that it took, and what came of it."""

    def ask(parts, what="send", max_lines=1_000_000, growth=GROWTH):
        sent = 0

        def reply():
            nonlocal sent
            for part in parts:
                sent += len(part)
                yield part

        wire.replies = [reply()]
        command = [sys.executable, "-c", CHILD, wire.url, what, str(max_lines)]
        child = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
        grown, _, outcome = child.stdout.strip().partition(" ")
        assert int(grown) * 1024 < growth * MIB
        return outcome, sent

    return ask


def head(status="200 OK", headers=""):
    return f"HTTP/1.1 {status}\r\nConnection: close\r\n{headers}\r\n".encode()


def for_ever(text):
    return itertools.repeat(text * (65536 // len(text)))


def zipped_for_ever(text):
    packer = zlib.compressobj(wbits=31)
    return (packer.compress(text * MIB) for _ in itertools.count())


def wide(before, item, after, size):
    """JSON of very many values."""
    return [before, *[item * (65536 // len(item))] * (size // 65536), item.strip(b","), after]


NO_END = {
    "spaces": [[head()], for_ever(b" ")],
    "digits": [[head()], for_ever(b"1")],
    "brackets": [[head()], for_ever(b"[")],
    "objects": [[head()], for_ever(b'{"a":')],
    "chunks": [[head(headers="Transfer-Encoding: chunked\r\n")], for_ever(b"1000\r\n" + b" " * 4096 + b"\r\n")],
    "zipped spaces": [[head(headers="Content-Encoding: gzip\r\n")], zipped_for_ever(b" ")],
    "zipped brackets": [[head(headers="Content-Encoding: gzip\r\n")], zipped_for_ever(b"[")],
}


@pytest.mark.parametrize("kind", NO_END)
def test_an_answer_without_an_end_is_given_up(ask, kind):
    outcome, sent = ask(itertools.chain(*NO_END[kind]))
    assert outcome == "GroqResponseError: GET /batches returned more than 16,777,216 bytes; reading stopped."
    assert sent < 40 * MIB


@pytest.mark.parametrize("status", ["401 Unauthorized", "503 Service Unavailable"])
@pytest.mark.parametrize("text", [b" ", b"[", b'{"error":', b"x"])
def test_an_error_without_an_end_is_told_by_its_status(ask, status, text):
    outcome, sent = ask(itertools.chain([head(status)], for_ever(text)))
    assert f"GET /batches returned {status[:3]}" in outcome
    assert sent < 20 * MIB


WIDE = {
    "list of nothing": (b'{"data":[', b"{},", b"]}"),
    "many lists": (b'{"data":[', b"[[]],", b"]}"),
    "many fields": (b'{"data":[], "x":[', b'{"":{}},', b"]}"),
    "many commas": (b'{"data":[', b",", b"]}"),
}


@pytest.mark.parametrize("kind", WIDE)
def test_json_of_very_many_values_is_not_taken_in(ask, kind):
    outcome, _ = ask([head(), *wide(*WIDE[kind], size=15 * MIB)])
    assert outcome.startswith("GroqResponseError: GET /batches returned 200")
    assert "(it has more than 1,000,000 values)" in outcome


ITEMS = {
    "that can be read": b'{"id": "x", "status": "any status that there may be"},',
    "that cannot": b'{"id": "x", "state": "any status that there may be"},',
    "with a field that cannot": b'{"id": "x", "status": "y", "metadata": [1], "created_at": "2026-11-01"},',
}


@pytest.mark.parametrize("kind", ITEMS)
def test_more_batches_than_any_page_has_are_not_all_read(ask, kind):
    items = wide(b'{"data":[', ITEMS[kind], b"]}", 10 * MIB)
    outcome, _ = ask([head(), *items], growth=MOST_GROWTH)
    assert "(data: Tuple should have at most 50000 items" in outcome


@pytest.mark.parametrize("kind", ITEMS)
def test_as_many_as_a_page_may_have_take_little_memory(ask, kind):
    items = [b'{"data":[', ITEMS[kind] * 49_999, ITEMS[kind].strip(b","), b"]}"]
    outcome, _ = ask([head(), *items], growth=MOST_GROWTH)
    assert outcome == "{}"


def test_an_error_of_very_many_values_is_told_by_its_status(ask):
    outcome, _ = ask([head("400 Bad Request"), *wide(b'{"error":{"message":[', b"{},", b"]}}", size=MIB - 65536)])
    assert outcome.startswith("GroqAPIError: GET /batches returned 400")


def test_headers_without_an_end_are_given_up(ask):
    lines = (b"".join(b"X-%d-%d: y\r\n" % (more, number) for number in range(3000)) for more in itertools.count())
    outcome, sent = ask(itertools.chain([b"HTTP/1.1 200 OK\r\n"], lines))
    assert outcome.startswith("GroqTransportError: GET /batches got no complete response: RemoteProtocolError")
    assert sent < 20 * MIB


def test_what_is_zipped_twice_is_not_unpacked(ask):
    twice = gzip.compress(gzip.compress(b" " * 100 * MIB))
    outcome, _ = ask([head(headers="Content-Encoding: gzip, gzip\r\n"), twice])
    assert "compressed as gzip, gzip, which was not requested" in outcome


CONTENTS = {
    "one line of spaces": (itertools.repeat(b" " * MIB, 200), "{'unreadable': 1}"),
    "one line of brackets": (itertools.repeat(b"[" * MIB, 100), "{'unreadable': 1}"),
    "a line of brackets that is kept": ([b"[" * 15 * MIB, b"\n"], "{'unreadable': 1}"),
    "a line of very many values": (wide(b'{"custom_id":"a","x":[', b"{},", b"]}\n", 15 * MIB), "{'unreadable': 1}"),
    "empty lines": (itertools.repeat(b"\n" * MIB, 20), "{}"),
    "long ids": ((b'{"custom_id": "%d%s"}\n' % (n, b"x" * MIB) for n in range(100)), "{'failed': 100}"),
}


@pytest.mark.parametrize("kind", CONTENTS)
def test_a_file_of_any_content_streams_by(ask, kind):
    parts, outcome = CONTENTS[kind]
    assert ask(itertools.chain([head()], parts), "download")[0] == outcome


def test_a_zipped_file_streams_by_too(ask):
    """It is asked for as it is, but a gateway may pay no heed."""
    packed = itertools.islice(zipped_for_ever(b" "), 100)
    outcome, _ = ask(itertools.chain([head(headers="Content-Encoding: gzip\r\n")], packed), "download")
    assert "cannot be decompressed: it is cut short" in outcome


def test_a_file_of_more_lines_than_any_batch_is_given_up(ask):
    rows = (b"".join(b'{"custom_id": "%d-%d"}\n' % (more, n) for n in range(3000)) for more in itertools.count())
    outcome, sent = ask(itertools.chain([head()], rows), "download", max_lines=100_000)
    assert outcome.startswith(
        "GroqResponseError: The files of the batch have more than 100,000 lines, more than any batch"
    )
    assert sent < 40 * MIB
