"""The result files of a batch, from whose lines each row takes its own."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import BinaryIO, TypeAlias

import msgspec

from airflow_provider_groq.batches.json_lines import Reader
from airflow_provider_groq.batches.result_line import read_row
from airflow_provider_groq.batches.results import MAX_LINE_BYTES, MAX_LINES, too_many_lines
from airflow_provider_groq.exceptions import GroqResponseError
from airflow_provider_groq.jobs.records import RowRecord
from airflow_provider_groq.jobs.results.outcomes import Outcome, Successes, outcome_of, successes_of

LONG_ID = 64
"""Of a longer id its hash is remembered: however long a foreign one is, it takes no more memory."""

BLOCK_BYTES = 1 << 16
"""How much is read at a time while lines come in order; more leaves the processor's cache."""


class _Key(msgspec.Struct, gc=False):
    custom_id: str


_keys = Reader(_Key)

_Place: TypeAlias = tuple[int, int, int, bool]
"""Where a line stands: number of its file, offset, length; and whether `_keys` can read it."""


class ResultFiles:
    """The lines of result files, by the ids of their requests.

    As long as the lines come in the order in which they are taken, and tell of success, each is read once, a block of
    them at a time. At the first other one, the places of all that are left are found. Memory grows with the ids, not
    with what lines say.

    Args:
        files: Open local files.

    Attributes:
        repeated: Lines of an id that had one already.
        unreadable: Lines that are no JSON object with a ``custom_id``.
    """

    def __init__(self, files: Sequence[BinaryIO]) -> None:
        self.repeated = self.unreadable = 0
        self._files = files
        self._start = 0
        self._taken: list[str | bytes] = []
        self._places: dict[str | bytes, _Place] | None = None
        for file in files:
            file.seek(0)  # writes what is only in memory, for `os.pread`

    def take_all(self, records: Iterator[RowRecord]) -> Iterator[tuple[list[RowRecord], Successes | None]]:
        """Yield the next rows with the outcome of their requests, as long as their lines come in order.

        Args:
            records: The rows.

        Yields:
            Some of the rows, and their lines. None of lines: these rows, and all after them, are for `take`.
        """
        while self._files:
            block = _block(self._files[0].fileno(), self._start)
            found = successes_of(block)
            if found is None:
                return
            some = list(islice(records, len(found.custom_ids)))
            if [record.custom_id for record in some] != found.custom_ids:
                yield some, None
                return
            self._start += len(block)
            self._taken += map(key_of, found.custom_ids)
            yield some, found

    def take(self, custom_id: str) -> Outcome | None:
        """The outcome of a request, by its first line, or by its first line of success; None without any.

        Raises:
            GroqResponseError: There are more lines than a batch can have.
        """
        if self._places is None:
            self._places = self._find()
        place = self._places.pop(key_of(custom_id), None)
        return None if place is None else self._read(place)

    def unknown(self) -> int:
        """How many ids are left once all rows have taken their lines."""
        if self._places is None:
            self._places = self._find()
        return len(self._places)

    def _find(self) -> dict[str | bytes, _Place]:
        """Find the line of each id that has not been taken."""
        places: dict[str | bytes, _Place] = {}
        taken = set(self._taken)
        for number, offset, line in _lines(self._files, start=self._start, before=len(taken)):
            read = None if len(line) > MAX_LINE_BYTES else _keys.read(line)
            custom_id = read.custom_id if read else _custom_id(line)
            if custom_id is None:
                self.unreadable += 1
                continue
            key, place = key_of(custom_id), (number, offset, len(line), read is not None)
            if key in taken:
                self.repeated += 1
            elif (first := places.setdefault(key, place)) is not place:
                self.repeated += 1
                if _outcome(line).status == "succeeded" and self._read(first).status != "succeeded":
                    places[key] = place
        return places

    def _read(self, place: _Place) -> Outcome:
        number, offset, length, read_before = place
        return _outcome(os.pread(self._files[number].fileno(), length, offset), read_before=read_before)


def _block(file: int, start: int) -> bytes:
    """Whole lines of a file, from a place on; none if the first is too long, or at the end."""
    size = min(BLOCK_BYTES, MAX_LINE_BYTES)
    while True:
        read = os.pread(file, size, start)
        if len(read) < size:
            return read
        end = read.rfind(b"\n") + 1
        if end or size == MAX_LINE_BYTES:
            return read[:end]
        size = min(4 * size, MAX_LINE_BYTES)


def _outcome(line: bytes, *, read_before: bool = False) -> Outcome:
    outcome = outcome_of(line, read_before=read_before)
    if outcome is None:
        raise GroqResponseError("A result file changed while it was read. Retry the task.")
    return outcome


def _lines(files: Sequence[BinaryIO], *, start: int, before: int) -> Iterator[tuple[int, int, bytes]]:
    """Give each line that is not blank, with its file's number and its offset; of one too long, its beginning.

    Args:
        files: The files.
        start: Where to begin in the first.
        before: How many lines there are before that.
    """
    lines = before
    for number, file in enumerate(files):
        offset = file.seek(0 if number else start)
        while line := file.readline(MAX_LINE_BYTES + 1):
            size = len(line)
            if size > MAX_LINE_BYTES:
                size += _skip(file, line)
            if size > MAX_LINE_BYTES or not line.isspace():
                lines += 1
                if lines > MAX_LINES:
                    raise too_many_lines()
                yield number, offset, line
            offset += size


def _skip(file: BinaryIO, line: bytes) -> int:
    """Read to the end of a line that is too long."""
    skipped = 0
    while line and not line.endswith(b"\n"):
        line = file.readline(MAX_LINE_BYTES)
        skipped += len(line)
    return skipped


def _custom_id(line: bytes) -> str | None:
    row = None if len(line) > MAX_LINE_BYTES else read_row(line)
    return None if row is None else row["custom_id"]


def custom_id_of(line: bytes) -> str | None:
    """The ``custom_id`` of a line; None if it is no JSON object with one."""
    read = _keys.read(line)
    return read.custom_id if read else _custom_id(line)


def key_of(custom_id: str) -> str | bytes:
    """What to remember of an id, which is no longer however long the id is."""
    if len(custom_id) <= LONG_ID:
        return custom_id
    return hashlib.blake2b(custom_id.encode("utf-8", "surrogatepass"), digest_size=32).digest()
