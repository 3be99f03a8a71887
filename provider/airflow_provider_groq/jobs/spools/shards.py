"""How requests are divided: into chunks when they are spooled, and into shards of whole chunks when they are sent."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import msgspec

from airflow_provider_groq.batches.options import MAX_LINES

CHUNK_ROWS = 1_000
"""Groq advises batches of about so many requests: smaller ones have a better chance to finish in time."""

MOST_SMALL_SHARDS = 200
"""Up to so many chunks each is a batch of its own; status is asked for so many batches in one request."""


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
        digest: What identifies its requests.
    """

    number: int
    rows: int
    start: int
    bytes: int
    records_start: int
    record_bytes: int
    digest: str


def divide(chunks: Sequence[Chunk], *, shard_size: int | None, max_bytes: int, apart: int = 0) -> Iterator[Shard]:
    """Divide requests into batches.

    Args:
        chunks: Those of the requests.
        shard_size: The most requests of a batch; by default a chunk each, and more where that would be more than
            `MOST_SMALL_SHARDS` batches.
        max_bytes: The largest input file of a batch.
        apart: How many of the requests, from the first, are batches of their own; they are whole chunks.
    """
    most_rows = min(shard_size or CHUNK_ROWS * -(-len(chunks) // MOST_SMALL_SHARDS), MAX_LINES)
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
