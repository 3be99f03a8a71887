"""Local paths and object storage."""

from __future__ import annotations

from os import PathLike
from typing import Any

from airflow.sdk import ObjectStoragePath

from airflow_provider_groq.exceptions import GroqInputError


def storage_path(argument: str, path: Any) -> ObjectStoragePath:
    """A local path, or the URI of an object storage, as a path.

    Raises:
        GroqInputError: Airflow has no filesystem for it.
    """
    if not path or not isinstance(path, (str, PathLike, ObjectStoragePath)):
        raise GroqInputError(f"{argument} must be a path or a URI, but is {path!r}.")
    try:
        storage = ObjectStoragePath(path)
        _ = storage.fs
    except (TypeError, ValueError, ImportError) as error:
        raise GroqInputError(f"{argument} {path}: {error}.") from error
    return storage
