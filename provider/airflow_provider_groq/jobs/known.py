"""Answers that are there already, found by the digest of their request.

The index lies in a temporary file of SQLite, and the answers stay where they are: a million of them take no more
memory than one.
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self, TypeAlias

import msgspec

from airflow_provider_groq.batches.requests import read_lines
from airflow_provider_groq.batches.results import MAX_LINE_BYTES
from airflow_provider_groq.exceptions import GroqStorageError
from airflow_provider_groq.jobs.answer_lines import Head, read_head
from airflow_provider_groq.jobs.outcomes import is_cut_off
from airflow_provider_groq.jobs.records import Answer, RowRecord
from airflow_provider_groq.jobs.temporary import open_database, temporary_error, temporary_errors

Path: TypeAlias = Any
"""``ObjectStoragePath``: what is Airflow's is not imported here."""

BLOCK_BYTES = 8 << 20
"""How much object storage gives at a time where a file is read through."""

LOOKUP_BYTES, MAX_OPEN = 1 << 20, 8
"""As much where an answer is looked up, from so many files at once."""

AHEAD_BYTES = 1 << 16
"""How much is kept of what follows an answer: rows mostly come in the order of the answers."""

INSERTED = 10_000
"""How many entries go into the index at a time."""

TABLE = "CREATE TABLE answers (digest BLOB, cut_off INTEGER, file INTEGER, place INTEGER, size INTEGER)"
INDEX = "CREATE INDEX by_digest ON answers (digest, cut_off, file, place, size)"
BY_DIGEST = "SELECT file, place, size FROM answers WHERE digest = ? ORDER BY cut_off, file, place LIMIT 1"
"""All that it asks for stands in the index: neither the table is read, nor anything sorted."""
PURPOSE = "answers are found"

_Entry: TypeAlias = tuple[bytes, bool, int, int, int]


class Known(NamedTuple):
    """An answer that is there already.

    Attributes:
        line: As it was written.
        origin: The output that it is reused from; None if it is this job's own.
    """

    line: bytes
    origin: str | None = None


class _Ahead(NamedTuple):
    """What was read last of a file."""

    file: int
    start: int
    content: bytes


class KnownAnswers:
    """Finds an answer that succeeded by the digest of its request; of several the first that is not cut off.

    Use it as a context manager: its index is a temporary file, which it deletes.
    """

    def __init__(self) -> None:
        self._paths: list[Path] = []
        self._origins: list[str | None] = []
        self._open: OrderedDict[int, BinaryIO] = OrderedDict()
        self._is_indexed = False
        with temporary_errors(PURPOSE):
            self._database = open_database(TABLE)
            self._cursor = self._database.cursor()
        self._ahead = _Ahead(-1, 0, b"")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Delete the index, and close the files."""
        self._database.close()
        while self._open:
            self._open.popitem()[1].close()

    def add(self, path: Path, origin: str | None = None) -> int:
        """Index the answers of a file; how many of them are known now, equal ones counted each.

        A line that cannot be read, such as the last of a file that was cut off, is no answer.

        Args:
            path: A part of an output, or answers harvested in a work folder. It stays as it is while it is looked
                up in.
            origin: The output that its answers are reused from; None if they are this job's own.

        Raises:
            FileNotFoundError: It is not there.
        """
        number = len(self._paths)
        self._paths.append(path)
        self._origins.append(origin)
        before = self._database.total_changes
        with path.open("rb", block_size=BLOCK_BYTES) as file:
            entries: list[_Entry] = []
            for entry in _entries(number, file):
                entries.append(entry)
                if len(entries) == INSERTED:
                    self._insert(entries)
                    entries = []
            self._insert(entries)
        return self._database.total_changes - before

    def lookup(self, digest: str) -> Known | None:
        """A succeeded answer to the same request, or None.

        Raises:
            GroqStorageError: The file that it is in changed since it was indexed, or cannot be read any more.
        """
        if not self._paths:
            return None
        if not self._is_indexed:  # made once all is there, which sorts it in one go
            with temporary_errors(PURPOSE):
                self._database.execute(INDEX)
            self._is_indexed = True
        key = _key(digest)
        try:
            found = None if key is None else self._cursor.execute(BY_DIGEST, (key,)).fetchone()
        except sqlite3.Error as error:
            raise temporary_error(PURPOSE, error) from error
        if found is None:
            return None
        number, place, size = found
        line = self._read(number, place, size)
        if len(line) != size or read_head(line).request_digest != digest:
            raise GroqStorageError(f"{self._paths[number]} changed while it was read. Retry the task.")
        return Known(line, self._origins[number])

    def _read(self, number: int, place: int, size: int) -> bytes:
        block = self._ahead
        if number != block.file or not block.start <= place <= block.start + len(block.content) - size:
            block = self._ahead = _Ahead(number, place, self._read_block(number, place, max(size, AHEAD_BYTES)))
        start = place - block.start
        return block.content[start : start + size]

    def _read_block(self, number: int, place: int, size: int) -> bytes:
        try:
            file = self._file(number)
            file.seek(place)
            return file.read(size)
        except Exception as error:  # each library of a storage has errors of its own
            raise GroqStorageError(
                f"{self._paths[number]}, which has answers to reuse, can no longer be read: "
                f"{type(error).__name__}: {error}. Retry the task."
            ) from error

    def _insert(self, entries: Iterable[_Entry]) -> None:
        with temporary_errors(PURPOSE):
            self._database.execute("BEGIN")
            self._database.executemany("INSERT INTO answers VALUES (?, ?, ?, ?, ?)", entries)
            self._database.execute("COMMIT")

    def _file(self, number: int) -> BinaryIO:
        if number in self._open:
            self._open.move_to_end(number)
            return self._open[number]
        if len(self._open) >= MAX_OPEN:
            self._open.popitem(last=False)[1].close()
        file: BinaryIO = self._paths[number].open("rb", block_size=LOOKUP_BYTES)
        self._open[number] = file
        return file


def _entries(number: int, file: BinaryIO) -> Iterator[_Entry]:
    """The entries of the answers in a file that succeeded."""
    place = 0
    for line in read_lines(file, max_bytes=MAX_LINE_BYTES):
        head = _head(line)
        key = _key(head.request_digest) if head is not None and head.status == "succeeded" else None
        if head is not None and key is not None:
            yield key, is_cut_off(head), number, place, len(line)
        place += len(line)


def _head(line: bytes) -> Head | None:
    try:
        return read_head(line)
    except GroqStorageError:
        return None


def _key(digest: str) -> bytes | None:
    """The digest in half the bytes; None if it is none."""
    try:
        return bytes.fromhex(digest)
    except ValueError:
        return None


def answer_for(record: RowRecord, known: Known) -> Answer:
    """The answer of a row whose request is answered already: the same, under this row's name, number and columns.

    Args:
        record: The row.
        known: An answer to the same request.
    """
    answer = msgspec.json.decode(known.line, type=Answer)
    answer.custom_id, answer.index, answer.input = record.custom_id, record.index, record.input
    answer.same_as = msgspec.UNSET  # that was within the job that sent it
    if known.origin is not None:
        answer.reused_from = known.origin
    return answer
