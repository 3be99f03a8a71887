"""Requests kept in a folder until they are sent: as many as there are, with flat memory.

A spool is three files: ``requests.jsonl`` (the lines that are uploaded), ``rows.jsonl`` (a `RowRecord` for each of
them, in the same order) and ``index.json``, which says where each chunk of both begins. `writer` writes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, Self

import msgspec

from airflow_provider_groq.batches.options import MAX_LINES
from airflow_provider_groq.batches.requests import read_lines
from airflow_provider_groq.exceptions import GroqStorageError
from airflow_provider_groq.jobs.files import Path, blocks_of_lines, read_whole
from airflow_provider_groq.jobs.records import RowRecord
from airflow_provider_groq.jobs.spools.section import section
from airflow_provider_groq.jobs.spools.shards import Chunk, Shard, divide

REQUESTS, RECORDS, INDEX = "requests.jsonl", "rows.jsonl", "index.json"

_records = msgspec.json.Decoder(RowRecord)


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
        with section(path, shard.records_start, shard.record_bytes) as file:
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
        with section(self.folder / REQUESTS, shard.start, shard.bytes) as file:
            yield file

    def pick(self, positions: Iterable[int]) -> Iterator[tuple[RowRecord, bytes]]:
        """Some of the requests with their records, reading no more chunks than need be.

        Args:
            positions: Which, counted from 0, in ascending order.
        """
        wanted = iter(positions)
        position = next(wanted, None)
        begin = 0
        for chunk in divide(self.index.chunks, shard_size=1, max_bytes=1):
            end = begin + chunk.rows
            if position is not None and position < end:
                for at, both in enumerate(zip(self.records(chunk), self.lines(chunk), strict=True), begin):
                    if at == position:
                        yield both
                        position = next(wanted, None)
            begin = end

    def all(self) -> Iterator[tuple[RowRecord, bytes]]:
        """All requests with their records."""
        for chunk in divide(self.index.chunks, shard_size=1, max_bytes=1):
            yield from zip(self.records(chunk), self.lines(chunk), strict=True)

    def shards(self, *, shard_size: int | None, max_bytes: int, canary: bool = False) -> list[Shard]:
        """Divide the requests into batches.

        Args:
            shard_size: The most requests of a batch; by default a chunk each, and more where that would be more than
                `MOST_SMALL_SHARDS` batches.
            max_bytes: The largest input file of a batch.
            canary: Whether the requests of the job's first rows are batches of their own.
        """
        apart = self.index.canary if canary else 0
        return list(divide(self.index.chunks, shard_size=shard_size, max_bytes=max_bytes, apart=apart))


def _changed(path: Path, why: str) -> GroqStorageError:
    return GroqStorageError(
        f"The rows kept in {path} cannot be read: {why}. The file was cut off or changed after it was written. Delete "
        "the job's work folder and clear the task; you then pay again for rows that were answered only there."
    )
