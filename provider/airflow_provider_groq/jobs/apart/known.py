"""Answers that are there already, found by the digest of their request.

The answers stay where they are: a million of them take no more memory than one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

import msgspec

from airflow_provider_groq.batches.requests import read_lines
from airflow_provider_groq.exceptions import GroqStorageError
from airflow_provider_groq.jobs.apart.assignment import Candidate, Elsewhere, Place, name_of
from airflow_provider_groq.jobs.apart.index import RequestIndex, key_of
from airflow_provider_groq.jobs.files import BLOCK_BYTES, Path
from airflow_provider_groq.jobs.records import Answer, RowRecord
from airflow_provider_groq.jobs.results.answer_lines import Head
from airflow_provider_groq.jobs.results.outcomes import is_cut_off

LOOKUP_BYTES, MAX_OPEN = 1 << 20, 8
"""How much object storage gives at a time where an answer is looked up, from so many files at once."""

AHEAD_BYTES = 1 << 16
"""How much is kept of what follows an answer: rows mostly come in the order of the answers."""

_decode = msgspec.json.Decoder(Answer).decode


class _Line(Head, gc=False):
    """What the line of an answer says of its row; `Answer` has the rest."""

    reused_from: str | None = None
    same_as: str | None = None
    sent_as: str | None = None


_lines = msgspec.json.Decoder(_Line)


class Source(NamedTuple):
    """A file of answers: a part of an output, or answers harvested in a work folder.

    Attributes:
        path: Where it lies. It stays as it is while answers are looked up.
        origin: The output that it is part of, if that is reused; None if the answers are of this very task instance.
        is_shared: Whether one of its answers may serve several rows, also without ``dedupe``.
    """

    path: Path
    origin: str | None = None
    is_shared: bool = False


class Known(NamedTuple):
    """An answer that is there already.

    Attributes:
        answer: As it was written.
        origin: The output that it is reused from; None if it is this job's own.
        is_shared: Whether other rows may get it too.
    """

    answer: Answer
    origin: str | None = None
    is_shared: bool = False


class _Ahead(NamedTuple):
    """What was read last of a file."""

    file: int
    start: int
    content: bytes


class KnownAnswers:
    """Finds answers that succeeded by the digest of their request.

    Use it as a context manager: its index is in temporary files, which it deletes.
    """

    def __init__(self) -> None:
        self._sources: list[Source] = []
        self._open: OrderedDict[int, BinaryIO] = OrderedDict()
        self._index = RequestIndex()
        self._ahead = _Ahead(-1, 0, b"")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Delete the index, and close the files."""
        self._index.close()
        while self._open:
            self._open.popitem()[1].close()

    def add(self, source: Source) -> int:
        """Index the answers of a file; how many of them are known now, equal ones counted each.

        A line that cannot be read, such as the last of a file that was cut off, is no answer.

        Raises:
            FileNotFoundError: It is not there.
        """
        number = len(self._sources)
        self._sources.append(source)
        with source.path.open("rb", block_size=BLOCK_BYTES) as file:
            return self._index.add_answers(_candidates(number, file, is_shared=source.is_shared))

    def elsewhere(self, records: Iterable[RowRecord], *, dedupe: bool) -> Iterator[Elsewhere]:
        """Find the rows of a job that need not be sent; see `RequestIndex`."""
        return self._index.elsewhere(records, dedupe=dedupe)

    def read(self, place: Place, digest: str) -> Known:
        """Read a succeeded answer.

        Args:
            place: Where it lies.
            digest: Of the request that it is an answer to.

        Raises:
            GroqStorageError: The file that it is in changed since it was indexed, or cannot be read any more.
        """
        try:
            answer = _decode(self._read(place.file, place.start, place.size))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            answer = None
        if answer is None or answer.request_digest != digest:
            raise GroqStorageError(f"{self._sources[place.file].path} changed while it was read. Retry the task.")
        source = self._sources[place.file]
        return Known(answer, source.origin, source.is_shared)

    def _read(self, number: int, start: int, size: int) -> bytes:
        block = self._ahead
        if number != block.file or not block.start <= start <= block.start + len(block.content) - size:
            block = self._ahead = _Ahead(number, start, self._read_block(number, start, max(size, AHEAD_BYTES)))
        begin = start - block.start
        return block.content[begin : begin + size]

    def _read_block(self, number: int, start: int, size: int) -> bytes:
        try:
            file = self._file(number)
            file.seek(start)
            return file.read(size)
        except Exception as error:  # each library of a storage has errors of its own
            raise GroqStorageError(
                f"{self._sources[number].path}, which has answers to reuse, can no longer be read: "
                f"{type(error).__name__}: {error}. Retry the task."
            ) from error

    def _file(self, number: int) -> BinaryIO:
        if number in self._open:
            self._open.move_to_end(number)
            return self._open[number]
        if len(self._open) >= MAX_OPEN:
            self._open.popitem(last=False)[1].close()
        file: BinaryIO = self._sources[number].path.open("rb", block_size=LOOKUP_BYTES)
        self._open[number] = file
        return file


def _candidates(number: int, file: BinaryIO, *, is_shared: bool) -> Iterator[Candidate]:
    """The answers in a file that succeeded."""
    start = 0
    for line in read_lines(file):
        found = _read_line(line)
        key = key_of(found.request_digest) if found is not None and found.status == "succeeded" else None
        if found is not None and key is not None:
            yield Candidate(
                key,
                name_of(found.custom_id),
                name_of(found.batch_id, found.sent_as or found.same_as or found.custom_id),
                is_cut_off(found),
                bool(found.same_as or found.reused_from),
                is_shared,
                Place(number, start, len(line)),
            )
        start += len(line)


def _read_line(line: bytes) -> _Line | None:
    try:
        return _lines.decode(line) if line.endswith(b"\n") else None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def answer_for(record: RowRecord, known: Known, *, dedupe: bool) -> Answer:
    """The answer of a row whose request is answered already: the same, under this row's name, number and columns.

    Args:
        record: The row.
        known: An answer to the same request.
        dedupe: Whether rows that ask the same share answers.
    """
    answer, is_reused = known.answer, known.origin is not None
    if is_reused or answer.custom_id != record.custom_id:
        sent_as = answer.sent_as or answer.same_as or answer.custom_id
        answer.sent_as = answer.same_as = msgspec.UNSET
        if sent_as != record.custom_id:
            if (dedupe or known.is_shared) and not is_reused:
                answer.same_as = sent_as
            else:
                answer.sent_as = sent_as
    if known.origin is not None:
        answer.reused_from = known.origin
    answer.custom_id, answer.index, answer.input = record.custom_id, record.index, record.input
    return answer
