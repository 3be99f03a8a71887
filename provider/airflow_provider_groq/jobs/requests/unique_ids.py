"""Equal ``custom_id``s, found however far apart, in memory that hardly grows."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from airflow_provider_groq.batches.options import shown
from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.jobs.temporary import temporary_errors, temporary_file

TOGETHER = 10_000
"""How many are kept in memory at a time: some 2 MB."""

GROUPS = 256
"""Equal ids have equal hashes, so only ids of a group are compared: some 40,000 of ten million."""

PURPOSE = "equal custom_ids are found"

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, int]).decode


class UniqueIds:
    """The ids of rows. Many are kept in a temporary file, which is gone with the process."""

    def __init__(self) -> None:
        self._new: dict[str, int] = {}
        self._file: BinaryIO | None = None
        # 0, and where each piece of the file ends. Each time that ids are written, each group gets a piece.
        self._ends = array("Q", [0])
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._stack.close()

    def add(self, custom_id: str, row: int) -> None:
        """Keep the id of a row. An equal one may be reported only by `check`.

        Raises:
            GroqInputError: Two rows have the same.
            GroqStorageError: The temporary file cannot be written.
        """
        first = self._new.setdefault(custom_id, row)
        if first != row:
            raise _repeated(row, first, custom_id)
        if len(self._new) > TOGETHER:
            self._write()

    def check(self) -> None:
        """Compare all that were added; raises as `add` does."""
        if self._file is None:
            return
        self._write()
        with temporary_errors(PURPOSE):
            found = [equal for group in range(GROUPS) if (equal := _first_equal(self._read(self._file, group)))]
        if found:
            raise _repeated(*min(found))

    def _write(self) -> None:
        groups: list[dict[str, int]] = [{} for _ in range(GROUPS)]
        for custom_id, row in self._new.items():
            groups[hash(custom_id) % GROUPS][custom_id] = row
        self._new = {}
        file = self._file = self._file or self._stack.enter_context(temporary_file(PURPOSE))
        with temporary_errors(PURPOSE):
            for ids in groups:
                self._ends.append(self._ends[-1] + file.write(_encode(ids)))

    def _read(self, file: BinaryIO, group: int) -> Iterator[dict[str, int]]:
        """The ids of a group, in the order of their rows."""
        for piece in range(group, len(self._ends) - 1, GROUPS):
            start, end = self._ends[piece : piece + 2]
            file.seek(start)
            yield _decode(file.read(end - start))


def _first_equal(pieces: Iterator[dict[str, int]]) -> tuple[int, int, str] | None:
    """The first row that has the id of one before it, that one, and the id."""
    known: dict[str, int] = {}
    for ids in pieces:
        if equal := known.keys() & ids.keys():
            return min((ids[custom_id], known[custom_id], custom_id) for custom_id in equal)
        known |= ids
    return None


def _repeated(row: int, first: int, custom_id: str) -> GroqInputError:
    return GroqInputError(
        f"Rows {first:,} and {row:,} (counted from 0) have the same custom_id {shown(custom_id)}, but it "
        "must be unique. Nothing was sent."
    )
