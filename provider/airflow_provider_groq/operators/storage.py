"""Local paths and object storage: where files are read from and landed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple

from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_groq.exceptions import GroqInputError


class Source(NamedTuple):
    """An open input file and its name."""

    file: BinaryIO
    name: str


def storage_path(argument: str, path: Any) -> ObjectStoragePath:
    """A local path, or the URI of an object storage, as a path.

    Raises:
        GroqInputError: Airflow has no filesystem for it.
    """
    try:
        storage = ObjectStoragePath(path)
        _ = storage.fs
    except (TypeError, ValueError, ImportError) as error:
        raise GroqInputError(f"{argument} {path}: {error}.") from error
    return storage


@contextmanager
def open_source(path: Any, *, max_bytes: int) -> Iterator[Source]:
    """Open a JSONL file.

    Args:
        path: A local path, or the URI of an object storage.
        max_bytes: The largest file to accept.

    Raises:
        GroqInputError: It is missing, no file, empty or too large.
    """
    source = storage_path("input_path", path)
    if source.is_dir():
        raise GroqInputError(f"input_path {path} is a folder, but must be a JSONL file.")
    try:
        size = source.stat().st_size
        file = source.open("rb")
    except FileNotFoundError:
        raise GroqInputError(f"input_path {path} is missing.") from None
    with file:
        if size > max_bytes:
            raise GroqInputError(
                f"input_path {path} has {size:,} bytes, but at most {max_bytes:,} are accepted. Split it into "
                "several batches (max_file_bytes in the connection's extra is this limit)."
            )
        if not size:
            raise GroqInputError(f"input_path {path} is empty: it holds no requests.")
        yield Source(file, source.name)
