"""Uploads by both clients: from wherever the file is, whole, and as often as needed."""

import asyncio
import bz2
import gc
import gzip
import io
import os
import tempfile
import threading

import pytest
from relays import Relay

from airflow_provider_groq.api import calls
from airflow_provider_groq.api.client import AsyncGroqClient
from airflow_provider_groq.api.uploads import upload
from airflow_provider_groq.exceptions import GroqAPIError, GroqInputError, GroqTransportError

CONTENT = b"".join(b'{"row": %d, "text": "%s"}\n' % (number, b"\xd7\xa9" * (number % 90)) for number in range(3000))
MAX = 10_000_000


def pipe(content):
    """The reading end of a pipe, which cannot be sent twice."""
    read, write = os.pipe()
    with open(write, "wb") as file:  # noqa: PTH123 - a descriptor
        file.write(content)
    return open(read, "rb")  # noqa: PTH123 - likewise


def read_to_the_end(path):
    file = path.open("rb")
    file.read()
    return file


def spooled(content):
    file = tempfile.SpooledTemporaryFile()  # noqa: SIM115 - the test closes it
    file.write(content)
    return file


def compressed(opener, path):
    with opener(path, "wb") as file:
        file.write(CONTENT)
    return opener(path, "rb")


SOURCES = {
    "path": lambda path: path,
    "text path": str,
    "open file": lambda path: path.open("rb"),
    "open file, read to its end": read_to_the_end,
    "raw file": lambda path: path.open("rb", buffering=0),
    "memory": lambda path: io.BytesIO(path.read_bytes()),
    "spooled": lambda path: spooled(path.read_bytes()),
    "gzip": lambda path: compressed(gzip.open, path.with_suffix(".gz")),
    "bz2": lambda path: compressed(bz2.open, path.with_suffix(".bz2")),
}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "input.jsonl"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def opened(path):
    """Makes a source of a kind, and closes it."""
    made = []

    def make(kind):
        made.append(SOURCES[kind](path))
        return made[-1]

    yield make
    for source in made:
        if hasattr(source, "close"):
            source.close()


@pytest.mark.parametrize("kind", SOURCES)
def test_a_file_arrives_byte_for_byte(groq_emulator, client, opened, kind):
    file = client().send(calls.upload_file(upload(opened(kind), max_bytes=MAX)))
    assert groq_emulator.file_content(file.id) == CONTENT
    assert file.filename == ("input.jsonl" if "path" in kind else "requests.jsonl")


@pytest.mark.parametrize("kind", SOURCES)
def test_a_file_is_sent_again_from_its_beginning(groq_emulator, client, opened, kind):
    groq_emulator.fault("/files", drop="before")
    groq_emulator.fault("/files", status=502)
    file = client().send(calls.upload_file(upload(opened(kind), max_bytes=MAX)))
    assert len(groq_emulator.requests("POST", "/files")) == 3
    assert groq_emulator.file_content(file.id) == CONTENT


def test_what_can_be_read_only_once_is_sent_again_too(groq_emulator, client):
    groq_emulator.fault("/files", drop="before", times=2)
    with pipe(CONTENT[:60_000]) as source:
        file = client().send(calls.upload_file(upload(source, max_bytes=MAX, filename="piped.jsonl")))
    assert file.filename == "piped.jsonl"
    assert groq_emulator.file_content(file.id) == CONTENT[:60_000]


def test_the_copy_of_what_can_be_read_only_once_is_closed():
    """An open one would warn when collected, and warnings are errors here."""
    with pipe(b"{}\n") as source:
        prepared = upload(source, max_bytes=MAX)
    with prepared.open() as file:
        assert file.read() == b"{}\n"
    del file, prepared
    gc.collect()


def test_an_endless_stream_is_not_read_to_its_end():
    class Endless(io.RawIOBase):
        given = 0

        def readable(self):
            return True

        def readinto(self, buffer):
            self.given += len(buffer)
            return len(buffer)

    source = Endless()
    with pytest.raises(GroqInputError, match="but at most 1,000,000 are accepted"):
        upload(source, max_bytes=1_000_000)
    assert source.given < 2_000_000


def file_of(path, content):
    path.write_bytes(content)
    return path


def closed_file(path):
    with path.open("rb") as file:
        return file


BAD_SOURCES = {
    "missing": (lambda folder: folder / "missing.jsonl", "missing.jsonl is missing: there is no file to upload"),
    "folder": (lambda folder: folder, "is a folder: there is no file to upload"),
    "nothing": (lambda _: "", "there is no file to upload"),
    "null byte": (lambda _: "a\0b", "is missing: there is no file to upload"),
    "empty": (lambda folder: file_of(folder / "some.jsonl", b""), "some.jsonl is empty: it has no requests"),
    "empty in memory": (lambda _: io.BytesIO(), "requests.jsonl is empty: it has no requests"),
    "large": (
        lambda folder: file_of(folder / "some.jsonl", b"x" * 101),
        "some.jsonl has 101 bytes, but at most 100 are accepted. Split it",
    ),
    "large in memory": (
        lambda _: io.BytesIO(b"x" * 101),
        "requests.jsonl has 101 bytes, but at most 100 are accepted. Split it",
    ),
    "text": (lambda _: io.StringIO("{}"), "open for reading bytes, but is StringIO"),
    "bytes": (lambda _: b"{}", "open for reading bytes, but is bytes"),
    "closed": (lambda folder: closed_file(file_of(folder / "some.jsonl", b"{}")), "but is BufferedReader"),
    "uri": (
        lambda _: "s3://bucket/some.jsonl",
        "'s3://bucket/some.jsonl' is not a local path. Open it with airflow.sdk",
    ),
    "long name": (lambda folder: folder / ("x" * 300), "cannot be read: File name too long."),
    "none": (lambda _: None, "open for reading bytes, but is NoneType"),
}


@pytest.mark.parametrize("kind", BAD_SOURCES)
def test_what_cannot_be_uploaded_is_said_before_anything_is_sent(tmp_path, kind):
    make, message = BAD_SOURCES[kind]
    with pytest.raises(GroqInputError) as caught:
        upload(make(tmp_path), max_bytes=100)
    assert message in str(caught.value)


def test_a_file_open_for_text_cannot_be_uploaded(path):
    with path.open(encoding="utf-8") as file, pytest.raises(GroqInputError, match="but is TextIOWrapper"):
        upload(file, max_bytes=MAX)


def test_a_temporary_file_open_for_text_cannot_be_uploaded():
    with tempfile.NamedTemporaryFile("w+") as file, pytest.raises(GroqInputError, match="Open it with mode 'rb'"):
        upload(file, max_bytes=MAX)


def test_a_file_open_for_writing_cannot_be_uploaded(path):
    with path.open("r+b") as file:
        upload(file, max_bytes=MAX)
    with path.open("ab") as file, pytest.raises(GroqInputError, match="open for reading bytes"):
        upload(file, max_bytes=MAX)


def test_a_path_may_begin_at_home(path, monkeypatch):
    monkeypatch.setenv("HOME", str(path.parent))
    assert upload("~/input.jsonl", max_bytes=MAX).filename == "input.jsonl"
    with pytest.raises(GroqInputError, match="~nobody-of-this-name/input.jsonl is missing"):
        upload("~nobody-of-this-name/input.jsonl", max_bytes=MAX)


def test_a_file_that_goes_away_before_it_is_sent(client, path):
    prepared = upload(path, max_bytes=MAX)
    path.unlink()
    with pytest.raises(GroqInputError, match="input.jsonl cannot be read: No such file or directory"):
        client().send(calls.upload_file(prepared))


def grow(path):
    with path.open("ab") as file:
        file.write(b"{}\n")


@pytest.mark.parametrize("change", [grow, lambda path: os.truncate(path, 25_000_000)], ids=["grows", "shrinks"])
def test_a_file_that_changes_while_it_is_sent_is_not_stored_nor_sent_again(groq_emulator, client, tmp_path, change):
    path = tmp_path / "input.jsonl"
    path.write_bytes(b"{}\n" * 10_000_000)  # more than can be on its way

    async def change_it(*_):
        await asyncio.to_thread(change, path)

    relay = Relay(groq_emulator.url, greet=change_it)
    try:
        with pytest.raises(GroqInputError, match="input.jsonl changed size during the upload"):
            client(base_url=relay.url).send(calls.upload_file(upload(path, max_bytes=100_000_000)))
    finally:
        relay.stop()
    assert len(relay.asked) == 1
    assert not client().send(calls.list_files()).data


def test_a_file_of_just_the_limit_can_be_uploaded():
    assert upload(io.BytesIO(b"x" * 100), max_bytes=100).filename == "requests.jsonl"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("rows of May.jsonl", "rows of May.jsonl"),
        ("שלום 日本.jsonl", "שלום 日本.jsonl"),
        ('a"b\r\nX-Header: y', "a%22b%0D%0AX-Header: y"),
        (os.fsdecode(b"bad\xff.jsonl"), "bad?.jsonl"),
    ],
)
def test_a_file_may_have_any_name(groq_emulator, client, name, shown):
    file = client().send(calls.upload_file(upload(io.BytesIO(b"{}"), filename=name, max_bytes=MAX)))
    assert file.filename == shown
    assert groq_emulator.file_content(file.id) == b"{}"


def test_a_file_too_large_for_the_server(groq_emulator, client):
    groq_emulator.set(max_file_bytes=1000)
    with pytest.raises(GroqAPIError, match="413 request_too_large"):
        client().send(calls.upload_file(upload(io.BytesIO(b"x" * 5000), max_bytes=MAX)))


def test_a_server_that_hangs_up_while_a_file_is_sent(wire, client):
    wire.replies = [b""]
    with pytest.raises(GroqTransportError):
        client(base_url=wire.url, max_retries=1).send(
            calls.upload_file(upload(io.BytesIO(b"x" * 1_000_000), max_bytes=MAX))
        )
    assert len(wire.heads) == 2


async def test_other_coroutines_run_while_a_file_is_read(groq_emulator, settings):
    """A read that waits, as from a slow disk, holds up nobody else."""
    reading, went_on = threading.Event(), threading.Event()

    class Slow(io.BytesIO):
        def read(self, size=-1):
            reading.set()
            assert went_on.wait(5)
            return super().read(size)

    async with await asyncio.to_thread(AsyncGroqClient, settings()) as client:
        sending = asyncio.create_task(client.send(calls.upload_file(upload(Slow(CONTENT), max_bytes=MAX))))
        assert await asyncio.to_thread(reading.wait, 5)
        went_on.set()
        file = await sending
    assert await asyncio.to_thread(groq_emulator.file_content, file.id) == CONTENT
