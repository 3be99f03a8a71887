"""Answers of a shard, kept in a file until the job is landed: a line each, and one with their summary at the end.

The summary is of the same file, so that there is none without the answers, and no answers without it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple, TypeAlias

import msgspec

from airflow_provider_groq.batches.json_lines import count_lines
from airflow_provider_groq.exceptions import GroqStorageError
from airflow_provider_groq.jobs.files import BLOCK_BYTES, blocks_of_lines
from airflow_provider_groq.jobs.results.summary import Summary

Path: TypeAlias = Any
"""``ObjectStoragePath``: what is Airflow's is not imported here."""

TAIL_BYTES = 1 << 16
"""How much of a file's end is read to find its last line; more if that is not enough."""

REMEDY = (
    "Files in the work folder are missing or were changed. Delete its files answers-*.jsonl and run the task again: it "
    "downloads them again, and costs nothing. If it fails again, delete the work folder and clear the task; you then "
    "pay again for rows that were answered only there."
)


class Run(NamedTuple):
    """Answers to rows that follow each other, as they were written.

    Attributes:
        round: The round, from 1.
        first: The number of the first row.
        rows: How many rows.
        lines: Their answers, a line each.
        whole: Whether each is a whole answer; one that is not stands alone.
    """

    round: int
    first: int
    rows: int
    lines: bytes
    whole: bool


def write_summary(sink: BinaryIO, summary: Summary) -> None:
    """End a file of kept answers."""
    sink.write(msgspec.json.encode(summary) + b"\n")


def read_summary(path: Path) -> Summary:
    """The summary of a file of kept answers.

    Raises:
        FileNotFoundError: It is not there.
        GroqStorageError: It was cut off, or changed.
    """
    with path.open("rb", block_size=TAIL_BYTES) as file:
        return _summary(path, file)


def kept_runs(path: Path, summary: Summary, *, round: int) -> Iterator[Run]:  # noqa: A002 - the field's own name
    """Give the answers of a file, in as few runs as there can be.

    Args:
        path: The file.
        summary: Its summary.
        round: The round that they are of, from 1.

    Raises:
        GroqStorageError: The file was cut off, or changed.
    """
    with path.open("rb", block_size=BLOCK_BYTES) as file:
        lines = _Lines(path, file, summary.bytes)
        for index, rows, whole in summary.segments():
            done = 0
            while done < rows:
                count, some = lines.take(rows - done)
                yield Run(round, index + done, count, some, whole)
                done += count
        lines.end()


class _Lines:
    """The lines of a file up to a size, from which as many as are in memory are taken at once."""

    def __init__(self, path: Path, file: BinaryIO, size: int) -> None:
        self._path = path
        self._blocks = blocks_of_lines(file, size)
        self._block = b""
        self._at = self._count = 0

    def take(self, most: int) -> tuple[int, bytes]:
        """Give how many lines, from one to so many, and the lines."""
        if not self._count:
            self._block, self._at = next(self._blocks, b""), 0
            self._count = count_lines(self._block)
        if not self._count:
            raise _changed(self._path, "it has fewer answers than its summary says")
        count, end = min(most, self._count), self._at
        if count == self._count:
            end = len(self._block)
        else:
            for _ in range(count):
                end = self._block.index(b"\n", end) + 1
        lines, self._at, self._count = self._block[self._at : end], end, self._count - count
        return count, lines

    def end(self) -> None:
        """There must be no more."""
        if self._count or next(self._blocks, b""):
            raise _changed(self._path, "it has more answers than its summary says")


def _summary(path: Path, file: BinaryIO) -> Summary:
    size = file.seek(0, os.SEEK_END)
    line = _last_line(file, size)
    try:
        summary = msgspec.json.decode(line, type=Summary)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _changed(path, f"it does not end with their summary: {error}") from None
    if summary.bytes + len(line) != size:
        raise _changed(path, f"it has {size:,} bytes, not {summary.bytes + len(line):,} as its summary says")
    return summary


def _last_line(file: BinaryIO, size: int) -> bytes:
    tail = TAIL_BYTES
    while True:
        start = max(0, size - tail)
        file.seek(start)
        read = file.read(size - start)
        end = read.rfind(b"\n", 0, -1) + 1
        if end or not start:
            return read[end:]
        tail *= 16


def _changed(path: Path, why: str) -> GroqStorageError:
    return GroqStorageError(
        f"The answers kept in {path} cannot be read: {why}. The file was cut off or changed after it was written. "
        "Delete it and run the task again: it downloads the answers again, at no cost."
    )
