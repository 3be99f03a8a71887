"""A part of a large file, as a file of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

from airflow_provider_groq.jobs.files import BLOCK_BYTES, Path


@contextmanager
def section(path: Path, start: int, size: int) -> Iterator[BinaryIO]:
    """Open so many bytes of a file, from a place on; they may be read more than once."""
    with path.open("rb", block_size=BLOCK_BYTES) as file:
        yield cast("BinaryIO", _Section(file, start, size))


class _Section:
    """A part of an open file, as a file."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file = file
        self._start = start
        self._size = size
        self._at = 0
        file.seek(start)

    def read(self, size: int = -1) -> bytes:
        """Give up to so many bytes; none at the end."""
        left = self._size - self._at
        data = self._file.read(left if size < 0 else min(size, left)) if left else b""
        self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place, within the part."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, min(base + offset, self._size))
        self._file.seek(self._start + self._at)
        return self._at

    def tell(self) -> int:
        """Where the next byte is read from."""
        return self._at

    def seekable(self) -> bool:
        """As a file says it."""
        return True
