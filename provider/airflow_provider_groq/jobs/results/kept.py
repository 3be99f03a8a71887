"""Answers of a shard, kept in a file until the job is landed: a line each. Their summary lies beside it.

Most of these answers are landed as they are, without being read again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, NamedTuple, TypeAlias, TypeVar

import msgspec

from airflow_provider_groq.batches.json_lines import count_lines
from airflow_provider_groq.exceptions import GroqStorageError
from airflow_provider_groq.jobs.files import BLOCK_BYTES, Path, blocks_of_lines, replacing, write_whole
from airflow_provider_groq.jobs.results.answer_lines import Writer
from airflow_provider_groq.jobs.results.summary import Segment, Summary

T = TypeVar("T")

REMEDY = (
    "Files in the work folder are missing or were changed. Delete its files answers-* and run the task again: it "
    "downloads them again, and costs nothing. If it fails again, delete the work folder and clear the task; you then "
    "pay again for rows that were answered only there."
)


class Run(NamedTuple):
    """Answers to rows that follow each other, as they were written.

    Attributes:
        round: The round, from 1; 0 for what was there before the first.
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


class WholeFile(NamedTuple):
    """A file of whole answers to rows that follow each other, and of nothing else.

    Attributes:
        round: The round, from 1; 0 for what was there before the first.
        first: The number of the first row.
        rows: How many rows.
        bytes: How large it is.
        path: Where it lies.
    """

    round: int
    first: int
    rows: int
    bytes: int
    path: Path

    def runs(self) -> Iterator[Run]:
        """Its answers, in as few runs as there can be.

        Raises:
            GroqStorageError: It was cut off, or changed.
        """
        return _runs(self.path, self.bytes, [Segment(self.first, self.rows, whole=True)], self.round)


Kept: TypeAlias = Run | WholeFile
"""Answers to rows that follow each other, as they were written."""


class KeptFile:
    """Answers that are kept. Their summary is written after them: without it, they count for nothing.

    Args:
        path: Where they are kept.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._summary_path = path.parent / f"{path.stem}.summary.json"

    def exists(self) -> bool:
        """Whether the answers are there, and all of them."""
        return bool(self._summary_path.exists() and self.path.exists())

    def write(self, fill: Callable[[BinaryIO], Summary]) -> Summary:
        """Write the answers and their summary; neither is there if it raises.

        Args:
            fill: Writes the answers, and returns their summary.
        """
        with replacing(self.path) as sink:
            summary = fill(sink)
        self._write_summary(summary)
        return summary

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """Write the answers that the block adds, and their summary; neither is there if the block raises."""
        with replacing(self.path) as sink:
            writer = Writer(sink)
            yield writer
            summary = writer.end()
        self._write_summary(summary)

    def _write_summary(self, summary: Summary) -> None:
        write_whole(self._summary_path, msgspec.json.encode(summary) + b"\n")

    def summary(self) -> Summary:
        """The summary of the answers.

        Raises:
            FileNotFoundError: They or it are not there.
            GroqStorageError: They were cut off, or one of both was changed.
        """
        with self._summary_path.open("rb") as file:
            content = file.read()
        try:
            summary = msgspec.json.decode(content, type=Summary)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise _changed(self.path, f"their summary beside it is damaged: {error}") from None
        if (size := self.path.stat().st_size) != summary.bytes:
            raise _changed(self.path, f"it has {size:,} bytes, not {summary.bytes:,} as its summary says")
        return summary

    def runs(self, summary: Summary, *, round: int) -> Iterator[Kept]:  # noqa: A002 - the field's own name
        """Give the answers in as few runs as there can be, or all at once where the whole file is one.

        Args:
            summary: Their summary.
            round: The round that they are of, from 1; 0 for what was there before the first.

        Raises:
            GroqStorageError: The file was cut off, or changed.
        """
        segments = list(summary.segments())
        if len(segments) == 1 and segments[0].whole:
            (segment,) = segments
            return iter([WholeFile(round, segment.first, segment.rows, summary.bytes, self.path)])
        return _runs(self.path, summary.bytes, segments, round)


def opened(answers: Iterable[T | Kept]) -> Iterator[T | Run]:
    """Give the runs of whole files in their place, and all else as it is."""
    for some in answers:
        if isinstance(some, WholeFile):
            yield from some.runs()
        else:
            yield some


def _runs(path: Path, size: int, segments: Iterable[Segment], round_: int) -> Iterator[Run]:
    with path.open("rb", block_size=BLOCK_BYTES) as file:
        lines = _Lines(path, file, size)
        for index, rows, whole in segments:
            done = 0
            while done < rows:
                count, some = lines.take(rows - done)
                yield Run(round_, index + done, count, some, whole)
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


def _changed(path: Path, why: str) -> GroqStorageError:
    return GroqStorageError(
        f"The answers kept in {path} cannot be read: {why}. The file was cut off or changed after it was written. "
        "If its name begins with answers-, delete it and run the task again: it downloads the answers again, at no "
        "cost. If its name begins with known-, they cannot be downloaded: restore the file and run the task again, or "
        "delete the work folder and clear the task; you then pay again for rows that were answered only there."
    )
