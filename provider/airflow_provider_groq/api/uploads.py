"""What may be uploaded: a path or an open file, sent as a stream and as often as needed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import BinaryIO

from airflow_provider_groq.api.calls import Upload
from airflow_provider_groq.exceptions import GroqInputError

DEFAULT_NAME = "requests.jsonl"


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
        path = Path(source)
        if not path.is_file():
            raise GroqInputError(f"{path} is {'a folder' if path.is_dir() else 'missing'}: there is no file to upload.")
        _check_size(path.stat().st_size, str(path), max_bytes)
        return Upload(filename or path.name, lambda: path.open("rb"))
    file = source if source.seekable() else _spooled(source)
    size = file.seek(0, os.SEEK_END)
    name = filename or DEFAULT_NAME
    _check_size(size, name, max_bytes)

    @contextmanager
    def rewound() -> Iterator[BinaryIO]:
        file.seek(0)
        yield file

    return Upload(name, rewound)


def _check_size(size: int, name: str, max_bytes: int) -> None:
    if not size:
        raise GroqInputError(f"{name} is empty: it holds no requests.")
    if size > max_bytes:
        raise GroqInputError(
            f"{name} has {size:,} bytes, but at most {max_bytes:,} are accepted. Split it into several batches "
            "(max_file_bytes in the connection's extra is this limit)."
        )


def _spooled(source: BinaryIO) -> BinaryIO:
    """A copy of a stream that cannot be sent twice."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the upload
    shutil.copyfileobj(source, file)
    return file
