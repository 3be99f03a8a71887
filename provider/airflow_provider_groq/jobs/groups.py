"""What does not fit into memory, in a temporary file, divided into groups that are read one at a time."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any, BinaryIO, Generic, TypeVar

import msgspec

from airflow_provider_groq.jobs.temporary import temporary_errors, temporary_file

GROUPS = 256
"""How many groups there are: of ten million entries one has some 40,000."""

TOGETHER = 10_000
"""How many entries are kept in memory at a time: some 2 MB."""

T = TypeVar("T")

_encode = msgspec.msgpack.Encoder().encode


class GroupFile(Generic[T]):
    """A temporary file in groups. Close it: it is gone then.

    Args:
        kind: The type of a piece.
        purpose: What the file is for, as for `temporary_errors`.
    """

    def __init__(self, kind: Any, purpose: str) -> None:
        self._decode = msgspec.msgpack.Decoder(kind).decode
        self._purpose = purpose
        self._stack = ExitStack()
        self._file: BinaryIO | None = None
        # 0, and where each piece of the file ends. Each time that pieces are written, each group gets one.
        self._ends = array("Q", [0])

    def __bool__(self) -> bool:
        return self._file is not None

    def close(self) -> None:
        """Delete the file."""
        self._stack.close()

    def write(self, pieces: Iterable[T]) -> None:
        """Write a piece for each group.

        Raises:
            GroqStorageError: There is no room for them.
        """
        file = self._file = self._file or self._stack.enter_context(temporary_file(self._purpose))
        with temporary_errors(self._purpose):
            for piece in pieces:
                self._ends.append(self._ends[-1] + file.write(_encode(piece)))

    def read(self, group: int) -> Iterator[T]:
        """The pieces of a group, in the order in which they were written.

        Raises:
            GroqStorageError: The file cannot be read.
        """
        if self._file is None:
            return
        for piece in range(group, len(self._ends) - 1, GROUPS):
            start, end = self._ends[piece : piece + 2]
            with temporary_errors(self._purpose):
                self._file.seek(start)
                content = self._file.read(end - start)
            yield self._decode(content)


class Groups(Generic[T]):
    """Entries in groups. Many are kept in a temporary file. Close it: the file is gone then.

    Args:
        kind: The type of an entry.
        purpose: What it is for, as for `temporary_errors`.
    """

    def __init__(self, kind: Any, purpose: str) -> None:
        self._written: GroupFile[list[T]] = GroupFile(list[kind], purpose)
        self._new: list[list[T]] = [[] for _ in range(GROUPS)]
        self._count = 0

    def close(self) -> None:
        """Delete the file."""
        self._written.close()

    def add(self, group: int, entry: T) -> None:
        """Add an entry to a group.

        Args:
            group: A number below `GROUPS`.
            entry: The entry.

        Raises:
            GroqStorageError: There is no room for it.
        """
        self._new[group].append(entry)
        self._count += 1
        if self._count > TOGETHER:
            self._written.write(self._new)
            self._new = [[] for _ in range(GROUPS)]
            self._count = 0

    def read(self, group: int) -> Iterator[T]:
        """The entries of a group, in the order in which they were added.

        Raises:
            GroqStorageError: The temporary file cannot be read.
        """
        for piece in self._written.read(group):
            yield from piece
        yield from self._new[group]
