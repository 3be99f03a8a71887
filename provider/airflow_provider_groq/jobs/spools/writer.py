"""Requests, written into a spool as they come."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import BinaryIO

import msgspec

from airflow_provider_groq.jobs.files import BLOCK_BYTES, WRITE_BYTES, Path, write_whole
from airflow_provider_groq.jobs.records import Request, RowRecord
from airflow_provider_groq.jobs.spools.shards import CHUNK_ROWS, Chunk
from airflow_provider_groq.jobs.spools.spool import INDEX, RECORDS, REQUESTS, Index, Spool

DIGEST_CHARS = 32


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
        (folder / REQUESTS).open("wb", block_size=BLOCK_BYTES) as lines,
        (folder / RECORDS).open("wb", block_size=BLOCK_BYTES) as records,
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
