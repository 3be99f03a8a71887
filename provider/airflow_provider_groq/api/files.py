"""Local paths and open files, as users hand them over."""

from __future__ import annotations

import io
import os
from os import PathLike
from pathlib import Path
from typing import Any, Literal

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
            f"{os.fspath(path)!r} is not a local path. Open it with airflow.sdk.ObjectStoragePath, and pass the open "
            "file."
        )
    return expanded(path)


def carries_bytes(file: Any, way: Literal["read", "write"]) -> bool:
    """Whether bytes can be read from a file, or written to it: it is open, for that, and not for text."""
    # Not every file for text is of io's class for them: named temporary ones are not.
    if not hasattr(file, way) or isinstance(file, io.TextIOBase) or hasattr(file, "encoding"):
        return False
    able = getattr(file, {"read": "readable", "write": "writable"}[way], None)
    try:
        return able is None or bool(able())
    except ValueError:  # closed
        return False
