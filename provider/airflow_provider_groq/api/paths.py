"""Local paths as users write them."""

from __future__ import annotations

import os
from os import PathLike
from pathlib import Path

from airflow_provider_groq.exceptions import GroqInputError


def expanded(path: str | PathLike[str]) -> Path:
    """The path with the home folder in place of ``~``; as it is, where that has none."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - pathlib's own raises where there is no home


def local(path: str | PathLike[str]) -> Path:
    """The same, of a path that must be on this machine.

    Raises:
        GroqInputError: It is a URI.
    """
    if "://" in os.fspath(path):
        raise GroqInputError(
            f"{os.fspath(path)!r} is no local path. Open it with airflow.sdk.ObjectStoragePath, and give the open file."
        )
    return expanded(path)
