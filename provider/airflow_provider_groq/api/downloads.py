"""Where a download may go: a path, where it appears whole or not at all, or an open file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from airflow_provider_groq.api.files import carries_bytes, local
from airflow_provider_groq.exceptions import GroqInputError


@contextmanager
def opened(target: str | PathLike[str] | BinaryIO) -> Iterator[BinaryIO]:
    """The file to write to.

    Args:
        target: A local path, or a file open for writing bytes.

    Raises:
        GroqInputError: It is neither, or there is no such folder, or it may not be written there.
    """
    if isinstance(target, (str, PathLike)):
        with _replaced(local(target)) as file:
            yield file
    elif carries_bytes(target, "write"):
        yield target
    else:
        raise GroqInputError(
            f"The target must be a path or a file open for writing bytes, but is "
            f"{type(target).__name__}. Open it with mode 'wb'."
        )


@contextmanager
def _replaced(path: Path) -> Iterator[BinaryIO]:
    """A file beside the path, which takes its place at the end, and is removed if that is not reached."""
    try:
        path = path.resolve()  # what a link leads to is replaced, not the link
        if path.exists() and not path.is_file():
            raise GroqInputError(f"{path} is {'a folder' if path.is_dir() else 'no file'}: name a file to download to.")
        part = path.with_name(f".{uuid4().hex}.part")
        file = part.open("xb")
    except (OSError, ValueError, RuntimeError) as error:
        raise GroqInputError(f"{path} cannot be written: {getattr(error, 'strerror', None) or error}.") from None
    try:
        with file:
            yield file
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
