"""Small files of a job, read and written whole, locally or in object storage."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, TypeAlias, TypeVar

import msgspec

from airflow_provider_groq.exceptions import GroqInputError

Path: TypeAlias = Any
"""``ObjectStoragePath``: what is Airflow's is not imported here."""

BLOCK_BYTES = 8 << 20
"""How much object storage takes or gives at a time; its default of 50 MiB costs three times that in memory."""

WRITE_BYTES = 1 << 18
"""How much is gathered before it is written: Airflow's files cost as much at each write as an answer does."""

READ_BYTES = 1 << 18
"""How much is read at a time, and so how large a block of lines is, but for a single line that is larger."""

T = TypeVar("T")


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that takes its place when the block ends, and none if the block raises: a reader sees old or new."""
    part = path.parent / f".{path.name}.{uuid.uuid4().hex}.part"
    try:
        # An object storage publishes what was written when the file is closed, also after an error.
        with part.open("wb", block_size=BLOCK_BYTES) as file:
            yield file
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


class LineWriter:
    """Writes lines to an open file, a block at a time.

    Args:
        sink: The file.

    Attributes:
        count: How many lines.
    """

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._block = bytearray()
        self.count = 0

    def add(self, line: bytes) -> None:
        """Take the next one, with its end."""
        self._block += line
        self.count += 1
        if len(self._block) >= WRITE_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what is left."""
        self._sink.write(bytes(self._block))
        self._block.clear()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees what was there before, or all of it."""
    with replacing(path) as file:
        file.write(content)


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file a second name on the same local disk, which takes no time; copy it to anywhere else."""
    if _link(source, target):
        return
    with source.open("rb", block_size=BLOCK_BYTES) as file, target.open("wb", block_size=BLOCK_BYTES) as copy:
        shutil.copyfileobj(file, copy, READ_BYTES)


def _link(source: Path, target: Path) -> bool:
    """Give it a second name if that can be done; whether it has one."""
    if not all(getattr(path.fs, "local_file", False) for path in (source, target)):
        return False
    try:
        # As new as a copy would be. First: once it is linked, a copy would be written over the source itself.
        os.utime(source.path)
        os.link(source.path, target.path)
    except OSError:  # on another disk, or on one without links; any other cause stops the copy too
        return False
    return True


def blocks_of_lines(file: BinaryIO, size: int) -> Iterator[bytes]:
    """Give so many bytes of a file in blocks of whole lines; what is at their end and no line is left out."""
    rest = bytearray()
    while size and (read := file.read(min(READ_BYTES, size))):
        size -= len(read)
        end = read.rfind(b"\n") + 1
        if end:
            yield b"".join((rest, memoryview(read)[:end]))
            rest.clear()
        rest += memoryview(read)[end:]


def read_whole(path: Path, form: type[T], what: str) -> T:
    """Read a JSON file of this package.

    Args:
        path: Where it lies.
        form: What is in it.
        what: What it is called in an error.

    Raises:
        FileNotFoundError: It is not there.
        GroqInputError: It is cut off, or of another version of this package.
    """
    with path.open("rb") as file:
        content = file.read()
    try:
        return msgspec.json.decode(content, type=form)
    except msgspec.MsgspecError as error:
        raise GroqInputError(
            f"{path} is {what}, but cannot be read ({error}): it is cut off, or another version of "
            "airflow-provider-groq wrote it. Nothing was sent. Delete its folder to start the job over; you then pay "
            "again for rows that were answered only there."
        ) from error
