"""Temporary files, in which is kept what does not fit into memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from tempfile import TemporaryFile
from typing import BinaryIO, cast

from airflow_provider_groq.exceptions import GroqStorageError


@contextmanager
def temporary_errors(purpose: str) -> Iterator[None]:
    """Say what is wrong with a temporary file, and that it is not the storage that is used at the same time.

    Args:
        purpose: What it is for, as the end of "The temporary file in which …".

    Raises:
        GroqStorageError: It cannot be used.
    """
    try:
        yield
    except OSError as error:
        raise temporary_error(purpose, error) from error


def temporary_error(purpose: str, error: Exception) -> GroqStorageError:
    """The same, where a context manager for each row would take too long."""
    return GroqStorageError(
        f"The temporary file in which {purpose} cannot be used: {error}. Make room in the folder for temporary files, "
        "or name another in the environment variable TMPDIR."
    )


@contextmanager
def temporary_file(purpose: str) -> Iterator[BinaryIO]:
    """A temporary file, which is gone when the block ends; where all folders for them are full, Python finds none.

    Args:
        purpose: What it is for, as for `temporary_errors`.

    Raises:
        GroqStorageError: It cannot be made.
    """
    with temporary_errors(purpose):
        file = TemporaryFile()  # noqa: SIM115 - closed below
    try:
        yield cast("BinaryIO", file)
    finally:
        # What finds no room when it is closed is gone with the file, and must not replace the error of the block.
        with suppress(OSError):
            file.close()


@contextmanager
def filling(file: BinaryIO, purpose: str) -> Iterator[BinaryIO]:
    """What a temporary file is written to by; when the block ends, all of it is on the disk.

    Only what is wrong with this file becomes its error: what the lines come from may fail in the block too.

    Args:
        file: The temporary file.
        purpose: What it is for, as for `temporary_errors`.

    Raises:
        GroqStorageError: It cannot be written; also from the block.
    """
    yield cast("BinaryIO", _Filling(file, purpose))
    with temporary_errors(purpose):
        file.flush()


class _Filling:
    """Writes to a temporary file."""

    def __init__(self, file: BinaryIO, purpose: str) -> None:
        self._file = file
        self._purpose = purpose

    def write(self, content: bytes) -> int:
        try:
            return self._file.write(content)
        except OSError as error:
            raise temporary_error(self._purpose, error) from error

    def writelines(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            self.write(line)
