"""Rows whose request equals that of another row: they get its answer.

Of rows whose requests are equal but for their ``custom_id`` the first is the original, and is sent. What is known of a
million duplicates lies in files.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from io import BytesIO
from types import TracebackType
from typing import Self, TypeAlias

import msgspec

from airflow_provider_groq.exceptions import GroqStorageError
from airflow_provider_groq.jobs.records import Answer
from airflow_provider_groq.jobs.results.answer_lines import encode, head_of
from airflow_provider_groq.jobs.results.kept import REMEDY, Kept, Run, opened
from airflow_provider_groq.jobs.results.merge import Merged, Sent
from airflow_provider_groq.jobs.temporary import temporary_error, temporary_file

KEEPING = "the answers of equal requests are kept"

_encoder = msgspec.json.Encoder()

PLACE = struct.Struct("<QQ")
"""Where the answer of an original lies: its place, and its size."""


class Duplicate(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """A row that is not sent, since another asks the same; a line of a file.

    Attributes:
        index: The number of the row, from 0.
        original: The number of the row that is sent.
        custom_id: The row's own.
        input: Its carried columns, as JSON.
    """

    index: int
    original: int
    custom_id: str
    input: msgspec.Raw


Duplicates: TypeAlias = Callable[[], Iterator[Duplicate]]
"""Gives the duplicates of a job, in the order of the rows, as often as it is called."""


def write(duplicate: Duplicate) -> bytes:
    """A duplicate as a line, with its end."""
    return _encoder.encode(duplicate) + b"\n"


def read(lines: Iterable[bytes]) -> Iterator[Duplicate]:
    """The duplicates in the lines of a file.

    Raises:
        GroqStorageError: It was cut off or changed.
    """
    decode = msgspec.json.Decoder(Duplicate).decode
    for line in lines:
        try:
            duplicate = decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise GroqStorageError(f"A line of duplicates cannot be read: {error}. {REMEDY}") from None
        yield duplicate


def followed(rows: Iterable[Merged | Kept], duplicates: Duplicates, *, total: int) -> Iterator[Merged | Run]:
    """Give all rows of a job: those that were sent with their answers, and each duplicate with that of its original.

    Args:
        rows: Those that are no duplicates, in order.
        duplicates: The others.
        total: How many rows the job has.

    Raises:
        GroqStorageError: An original has no answer, or there is no room for keeping one.
    """
    is_original = _Marks(total)
    for duplicate in duplicates():
        is_original.add(duplicate.original)
    with _Originals() as originals:
        left = duplicates()
        following = next(left, None)
        for row in opened(rows):
            index = row.first if isinstance(row, Run) else row.best.head.index
            while following is not None and following.index < index:
                yield originals.answer(following)
                following = next(left, None)
            if isinstance(row, Run):
                numbers = range(index, index + row.rows)  # no duplicate is among them
                if any(number in is_original for number in numbers):
                    for number, line in zip(numbers, BytesIO(row.lines), strict=True):
                        if number in is_original:
                            originals.keep(number, row.round, line)
            elif index in is_original:
                originals.keep(index, row.best.round, row.best.line)
            yield row
        while following is not None:
            yield originals.answer(following)
            following = next(left, None)


class _Marks:
    """A set of numbers of rows: a bit for each row."""

    def __init__(self, total: int) -> None:
        self._bits = bytearray(-(-total // 8))

    def add(self, number: int) -> None:
        self._bits[number >> 3] |= 1 << (number & 7)

    def __contains__(self, number: int) -> bool:
        return bool(self._bits[number >> 3] & 1 << (number & 7))


class _Originals:
    """The answers of originals, in one temporary file, and in another the place of each, by the number of its row.

    Both are written from the beginning to the end, and flushed only before something is read: to seek in them for each
    answer takes three times as long.
    """

    def __init__(self) -> None:
        self._files = ExitStack()
        self._lines, self._places = (self._files.enter_context(temporary_file(KEEPING)) for _ in range(2))
        self._end = self._rows = 0
        self._is_flushed = True
        self._decode = msgspec.json.Decoder(Answer).decode
        self._last: tuple[int, int, Answer] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()

    def keep(self, number: int, round_: int, line: bytes) -> None:
        """Keep an answer that duplicates are to have, with its round; the number of its row is higher than the last."""
        size = PLACE.size + len(line)
        try:
            self._lines.write(PLACE.pack(round_, len(line)) + line)
            self._places.write(bytes(PLACE.size * (number - self._rows)) + PLACE.pack(self._end, size))
        except OSError as error:
            raise temporary_error(KEEPING, error) from error
        self._end += size
        self._rows = number + 1
        self._is_flushed = False

    def answer(self, duplicate: Duplicate) -> Merged:
        """The answer of a duplicate."""
        if self._last is None or self._last[0] != duplicate.original:
            round_, answer = self._find(duplicate)
            answer.same_as = answer.custom_id
            self._last = duplicate.original, round_, answer
        _, round_, answer = self._last
        answer.custom_id, answer.index, answer.input = duplicate.custom_id, duplicate.index, duplicate.input
        return Merged(Sent(round_, head_of(answer), encode(answer)), is_duplicate=True)

    def _find(self, duplicate: Duplicate) -> tuple[int, Answer]:
        """The round and the answer of its original."""
        try:
            if not self._is_flushed:
                self._lines.flush()
                self._places.flush()
                self._is_flushed = True
            place = os.pread(self._places.fileno(), PLACE.size, duplicate.original * PLACE.size)
            start, size = PLACE.unpack(place) if len(place) == PLACE.size else (0, 0)
            kept = os.pread(self._lines.fileno(), size, start)
        except OSError as error:
            raise temporary_error(KEEPING, error) from error
        if not size:
            raise GroqStorageError(
                f"Row {duplicate.index:,} ({duplicate.custom_id!r}) has the same request as row "
                f"{duplicate.original:,}, but no round has an answer for it. {REMEDY}"
            )
        return PLACE.unpack_from(kept)[0], self._decode(memoryview(kept)[PLACE.size :])
