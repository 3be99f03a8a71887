"""What may be uploaded: a path or an open file, sent as a stream and as often as needed."""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import BinaryIO, cast

from airflow_provider_groq.api.calls import Upload
from airflow_provider_groq.api.files import carries_bytes, local
from airflow_provider_groq.exceptions import GroqInputError

DEFAULT_NAME = "requests.jsonl"
CHUNK = 1 << 18


def upload(source: str | PathLike[str] | BinaryIO, *, filename: str | None = None, max_bytes: int) -> Upload:
    """A file to send.

    Args:
        source: A local path, or a file open for reading bytes, which is sent from its beginning.
        filename: The name that Groq shows; by default that of the path.
        max_bytes: The largest file to accept.

    Raises:
        GroqInputError: The file is missing, no file, empty or too large.
    """
    if isinstance(source, (str, PathLike)):
        path = local(source)
        with _readable(path):
            if not path.is_file():
                kind = "a folder" if path.is_dir() else "missing"
                raise GroqInputError(f"{path} is {kind}: there is no file to upload.")
            _check_size(path.stat().st_size, str(path), max_bytes)
        return Upload(_sendable(filename or path.name), lambda: _open(path))
    if not carries_bytes(source, "read"):
        raise GroqInputError(
            f"The source must be a path or a file open for reading bytes, but is {type(source).__name__}. "
            "Open it with mode 'rb'."
        )
    file = source if source.seekable() else _spooled(source, max_bytes)

    @contextmanager
    def rewound() -> Iterator[BinaryIO]:
        file.seek(0)
        yield cast("BinaryIO", _Stream(file))

    if file is not source:
        weakref.finalize(rewound, file.close)
    name = _sendable(filename or DEFAULT_NAME)
    _check_size(file.seek(0, os.SEEK_END), name, max_bytes)
    return Upload(name, rewound)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise GroqInputError(f"{path} cannot be read: {error.strerror or error}.") from None


def _open(path: Path) -> BinaryIO:
    with _readable(path):
        return path.open("rb")


class _Stream:
    """A file without its descriptor, behind which a compressed one has another size than what is read from it."""

    def __init__(self, file: BinaryIO) -> None:
        self.read, self.seek, self.tell = file.read, file.seek, file.tell


def _sendable(name: str) -> str:
    """The name without what UTF-8 cannot say: names on a disk are bytes."""
    return name.encode(errors="replace").decode()


def _check_size(size: int, name: str, max_bytes: int) -> None:
    if not size:
        raise GroqInputError(f"{name} is empty: it has no requests.")
    if size > max_bytes:
        raise GroqInputError(
            f"{name} has {size:,} bytes, but at most {max_bytes:,} are accepted. Split it into several batches "
            "(max_file_bytes in the connection's extra is this limit)."
        )


def _spooled(source: BinaryIO, max_bytes: int) -> BinaryIO:
    """A copy of a stream that cannot be sent twice; of one that is too large, no more than shows that."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the upload
    while file.tell() <= max_bytes and (chunk := source.read(CHUNK)):
        file.write(chunk)
    return file
