"""Requests kept in a folder until they are sent: as many as there are, with flat memory.

A spool is three files: ``requests.jsonl`` (the lines that are uploaded), ``rows.jsonl`` (a `RowRecord` for each of
them, in the same order) and ``index.json``, which says where each chunk of both begins. A shard, which becomes the
input file of one batch, is a run of whole chunks.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Self, TypeAlias, cast

import msgspec

from airflow_provider_groq.batches.options import MAX_LINES
from airflow_provider_groq.batches.requests import read_lines
from airflow_provider_groq.exceptions import GroqStorageError
from airflow_provider_groq.jobs.files import BLOCK_BYTES, blocks_of_lines, read_whole, write_whole
from airflow_provider_groq.jobs.records import Request, RowRecord

Path: TypeAlias = Any
"""``ObjectStoragePath``: what is Airflow's is not imported here."""

CHUNK_ROWS = 1_000
"""Groq advises batches of about so many requests: smaller ones have a better chance to finish in time."""

MOST_SMALL_SHARDS = 200
"""Up to so many chunks each is a batch of its own; status is asked for so many batches in one request."""

DIGEST_CHARS = 32

REQUESTS, RECORDS, INDEX = "requests.jsonl", "rows.jsonl", "index.json"

WRITE_BYTES = 1 << 18

_records = msgspec.json.Decoder(RowRecord)


class Chunk(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A run of requests.

    Attributes:
        rows: How many.
        bytes: Their size in ``requests.jsonl``.
        record_bytes: The size of their records in ``rows.jsonl``.
        digest: Of the requests.
    """

    rows: int
    bytes: int
    record_bytes: int
    digest: str


class Shard(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The requests of one batch.

    Attributes:
        number: Which shard of its round, from 0.
        rows: How many requests.
        start: Where its first request begins in ``requests.jsonl``.
        bytes: The size of its requests.
        records_start: Where its first record begins in ``rows.jsonl``.
        record_bytes: The size of its records.
        digest: What tells its requests from others.
    """

    number: int
    rows: int
    start: int
    bytes: int
    records_start: int
    record_bytes: int
    digest: str


class Index(msgspec.Struct, frozen=True):
    """What is in a spool.

    Attributes:
        rows: How many requests.
        digest: Of all records, which hold the digests of the requests; the same however they are divided.
        first_rows: For each model, the number of the first row that names it.
        chunks: In order.
        canary: How many of the requests, from the first, are in chunks of their own: those of the job's first rows.
    """

    rows: int
    digest: str
    first_rows: dict[str, int]
    chunks: list[Chunk]
    canary: int = 0


class Spool:
    """A spool that has been written.

    Args:
        folder: Where it lies.
        index: What is in it.
    """

    def __init__(self, folder: Path, index: Index) -> None:
        self.folder = folder
        self.index = index

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Open one.

        Raises:
            GroqInputError: It is not there, or cut off.
        """
        return cls(folder, read_whole(folder / INDEX, Index, "the index of spooled requests"))

    def lines(self, shard: Shard) -> Iterator[bytes]:
        """The request lines of a shard."""
        with self.section(shard) as file:
            yield from read_lines(file, max_bytes=shard.bytes + 1)

    def records(self, shard: Shard) -> Iterator[RowRecord]:
        """The records of a shard's rows.

        Raises:
            GroqStorageError: The file was cut off, or changed.
        """
        path, rows = self.folder / RECORDS, 0
        with _section(path, shard.records_start, shard.record_bytes) as file:
            for block in blocks_of_lines(file, shard.record_bytes):
                try:
                    some = _records.decode_lines(block)
                except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                    raise _changed(path, str(error)) from None
                rows += len(some)
                yield from some
        if rows != shard.rows:
            raise _changed(path, f"a batch's part of it has {rows:,} rows, not {shard.rows:,}")

    def all_records(self) -> Iterator[RowRecord]:
        """The records of all rows."""
        for shard in self.shards(shard_size=MAX_LINES, max_bytes=sum(chunk.bytes for chunk in self.index.chunks)):
            yield from self.records(shard)

    @contextmanager
    def section(self, shard: Shard) -> Iterator[BinaryIO]:
        """The requests of a shard as a file, which may be read more than once."""
        with _section(self.folder / REQUESTS, shard.start, shard.bytes) as file:
            yield file

    def pick(self, positions: Iterable[int]) -> Iterator[tuple[RowRecord, bytes]]:
        """Some of the requests with their records, reading no more chunks than need be.

        Args:
            positions: Which, counted from 0, in ascending order.
        """
        wanted = iter(positions)
        position = next(wanted, None)
        begin = 0
        for chunk in _shards(self.index.chunks, most_rows=1, max_bytes=1):
            end = begin + chunk.rows
            if position is not None and position < end:
                for at, both in enumerate(zip(self.records(chunk), self.lines(chunk), strict=True), begin):
                    if at == position:
                        yield both
                        position = next(wanted, None)
            begin = end

    def all(self) -> Iterator[tuple[RowRecord, bytes]]:
        """All requests with their records."""
        for chunk in _shards(self.index.chunks, most_rows=1, max_bytes=1):
            yield from zip(self.records(chunk), self.lines(chunk), strict=True)

    def shards(self, *, shard_size: int | None, max_bytes: int, canary: bool = False) -> list[Shard]:
        """Divide the requests into the batches that are to be made of them.

        Args:
            shard_size: The most requests of a batch; by default a chunk each, and more where that would be more than
                `MOST_SMALL_SHARDS` batches.
            max_bytes: The largest input file of a batch.
            canary: Whether the requests of the job's first rows are batches of their own.
        """
        most = shard_size or CHUNK_ROWS * -(-len(self.index.chunks) // MOST_SMALL_SHARDS)
        apart = self.index.canary if canary else 0
        return list(_shards(self.index.chunks, most_rows=min(most, MAX_LINES), max_bytes=max_bytes, apart=apart))


def write(
    folder: Path,
    requests: Iterable[tuple[int, Request]],
    *,
    max_bytes: int,
    chunk_rows: int = CHUNK_ROWS,
    canary: int = 0,
) -> Spool:
    """Write requests into a folder as they come.

    Args:
        folder: Where; it exists, and is nobody else's.
        requests: With the number of its row each, in order.
        max_bytes: The largest input file of a batch. None of the requests alone is larger.
        chunk_rows: The most requests of a chunk.
        canary: Rows with a number below this are in chunks of their own; the chunks after them are the same without.
    """
    writer = _Writer(max_bytes=max_bytes, chunk_rows=chunk_rows, canary=canary)
    with (
        _open(folder / REQUESTS, "wb") as lines,
        _open(folder / RECORDS, "wb") as records,
    ):
        for index, request in requests:
            writer.add(index, request)
            if len(writer.lines) >= WRITE_BYTES:
                writer.flush(lines, records)
        writer.close_chunk()
        writer.flush(lines, records)
    index_ = writer.index()
    write_whole(folder / INDEX, msgspec.json.encode(index_))
    return Spool(folder, index_)


class _Writer:
    """Collects requests and records, and knows where chunks end."""

    def __init__(self, *, max_bytes: int, chunk_rows: int, canary: int) -> None:
        self._max_bytes = max_bytes
        self._chunk_rows = chunk_rows
        self._left = chunk_rows
        self._canary = canary
        self._canary_rows = 0
        self._chunks: list[Chunk] = []
        self._first_rows: dict[str, int] = {}
        self._encode = msgspec.json.Encoder().encode
        self._all = hashlib.sha256()
        self.lines, self._records = bytearray(), bytearray()
        self._begin_chunk()

    def add(self, index: int, request: Request) -> None:
        """Take one more request."""
        size = len(request.line)
        if not self._left or self._bytes + size > self._max_bytes:
            self.close_chunk()
            self._left = self._chunk_rows
        if self._canary and index >= self._canary:
            self._canary = 0
            self.close_chunk()
            self._canary_rows = sum(chunk.rows for chunk in self._chunks)
        self._left -= 1
        self.lines += request.line
        # The length keeps apart what an id may hold. No object is kept: it would keep the heap from being used again.
        told = f"{request.sent or request.digest} {len(request.custom_id)} {request.custom_id}\n"
        self._sent += told.encode()
        record = self._encode(
            RowRecord(index, request.custom_id, request.digest, msgspec.Raw(request.input or b"null"))
        )
        self._records += record
        self._records += b"\n"
        self._rows += 1
        self._bytes += size
        self._record_bytes += len(record) + 1
        if request.model not in self._first_rows:
            self._first_rows[request.model] = index

    def flush(self, lines: BinaryIO, records: BinaryIO) -> None:
        """Write what has been collected."""
        self._all.update(self._records)
        lines.write(self.lines)
        records.write(self._records)
        self.lines, self._records = bytearray(), bytearray()

    def close_chunk(self) -> None:
        """The next request is of another chunk."""
        if not self._rows:
            return
        digest = hashlib.sha256(self._sent).hexdigest()[:DIGEST_CHARS]
        self._chunks.append(Chunk(self._rows, self._bytes, self._record_bytes, digest))
        self._begin_chunk()

    def index(self) -> Index:
        """What was written."""
        return Index(
            rows=sum(chunk.rows for chunk in self._chunks),
            digest=self._all.hexdigest()[:DIGEST_CHARS],
            first_rows=self._first_rows,
            chunks=self._chunks,
            canary=self._canary_rows,
        )

    def _begin_chunk(self) -> None:
        self._rows = self._bytes = self._record_bytes = 0
        self._sent = bytearray()


def _shards(chunks: list[Chunk], *, most_rows: int, max_bytes: int, apart: int = 0) -> Iterator[Shard]:
    number = start = records_start = before = 0
    together: list[Chunk] = []

    def shard() -> Shard:
        digests = [chunk.digest for chunk in together]
        return Shard(
            number=number,
            rows=sum(chunk.rows for chunk in together),
            start=start,
            bytes=sum(chunk.bytes for chunk in together),
            records_start=records_start,
            record_bytes=sum(chunk.record_bytes for chunk in together),
            digest=digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest(),
        )

    for chunk in chunks:
        rows = sum(other.rows for other in together) + chunk.rows
        size = sum(other.bytes for other in together) + chunk.bytes
        if together and (rows > most_rows or size > max_bytes or before == apart):
            done = shard()
            yield done
            number, start, records_start = number + 1, start + done.bytes, records_start + done.record_bytes
            together = []
        together.append(chunk)
        before += chunk.rows
    if together:
        yield shard()


def _changed(path: Path, why: str) -> GroqStorageError:
    return GroqStorageError(
        f"The rows kept in {path} cannot be read: {why}. The file was cut off or changed after it was written. Delete "
        "the job's work folder and clear the task; you then pay again for rows that were answered only there."
    )


def _open(path: Path, mode: str) -> Any:
    return path.open(mode, block_size=BLOCK_BYTES)


@contextmanager
def _section(path: Path, start: int, size: int) -> Iterator[BinaryIO]:
    with _open(path, "rb") as file:
        yield cast("BinaryIO", _Section(file, start, size))


class _Section:
    """A part of an open file, as a file."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file = file
        self._start = start
        self._size = size
        self._at = 0
        file.seek(start)

    def read(self, size: int = -1) -> bytes:
        """Give up to so many bytes; none at the end."""
        left = self._size - self._at
        data = self._file.read(left if size < 0 else min(size, left)) if left else b""
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place, within the part."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, min(base + offset, self._size))
        self._file.seek(self._start + self._at)
        return self._at

    def tell(self) -> int:
        """Where the next byte is read from."""
        return self._at

    def seekable(self) -> bool:
        """As a file says it."""
        return True
