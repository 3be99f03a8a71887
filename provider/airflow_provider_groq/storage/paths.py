"""Local paths and object storage: what an argument names, and what is wrong when it cannot be reached."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from typing import Any
from urllib.parse import urlsplit

from airflow.sdk import ObjectStoragePath

from airflow_provider_groq.batches.options import is_utf8
from airflow_provider_groq.batches.rendered import check_path
from airflow_provider_groq.compat import AirflowNotFoundException
from airflow_provider_groq.exceptions import GroqError, GroqInputError, GroqStorageError

LOCAL = frozenset({"", "file", "local"})

AMAZON, GOOGLE, AZURE = (
    "apache-airflow-providers-amazon[s3fs]",
    "apache-airflow-providers-google",
    "apache-airflow-providers-microsoft-azure",
)
OBJECT_STORES = {
    **dict.fromkeys(("s3", "s3a", "s3n"), AMAZON),
    **dict.fromkeys(("gs", "gcs"), GOOGLE),
    **dict.fromkeys(("abfs", "abfss", "adl"), AZURE),
}
"""The package for each scheme. These have no folders to make: what looks like one is part of an object's name."""

PROBE = ".groq-write-check.part"
"""Written and deleted again to see whether a folder can be written to. One name, so that never two are left."""

NO_NAME = re.compile(r"[*?\[]|(?<![^/])\.\.?(?![^/])")
"""What the libraries of object storages take for a pattern or for another folder, where files are moved and removed."""

NEVER = frozenset({errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP})
"""What no retry can fix, beside what Python has exceptions of their own for."""


def storage_path(argument: str, path: Any) -> ObjectStoragePath:
    """A local path, or the URI of an object storage, as a path.

    Args:
        argument: What the operator calls it, for the error.
        path: A local one is made absolute, and ``~`` at its beginning is the home of the user that runs the task.

    Raises:
        GroqInputError: It is none, or Airflow has no filesystem for it.
        GroqStorageError: The filesystem could not be set up, which a retry may change.
    """
    if not isinstance(path, (PathLike, ObjectStoragePath)):
        check_path(argument, path)
    if not is_utf8(str(path)):
        raise GroqInputError(f"{argument} is {str(path)!r}, but must be in UTF-8: rename the file or folder.")
    try:
        uri = urlsplit(str(path))
    except ValueError as error:  # such as brackets before the first slash of a URI
        raise GroqInputError(f"{argument} {path} is not a URI: {error}. Correct the path.") from None
    if uri.scheme in OBJECT_STORES and not uri.netloc.rpartition("@")[2]:
        raise GroqInputError(f"{argument} {path} names no bucket: write {uri.scheme}://BUCKET/PATH.")
    if not uri.scheme:
        path = _expanded(argument, str(path))
    try:
        with storage_errors(argument, path):
            storage = ObjectStoragePath(path)
            _ = storage.fs
    except GroqInputError as error:
        # Airflow says "No filesystem registered for scheme …", the library beneath it "Unsupported filesystem: …".
        if not isinstance(error.__cause__, ImportError) and "filesystem" not in str(error.__cause__):
            raise
        package = OBJECT_STORES.get(uri.scheme, "the Airflow provider with its filesystem")
        raise GroqInputError(
            f"{argument} {path}: Airflow has no filesystem for {uri.scheme}:// here ({error.__cause__}). "
            f"Install {package} where the task runs."
        ) from error
    return storage


def place_of(path: ObjectStoragePath) -> str:
    """Where a path leads: the same with or without ``file://``, by way of a link, and by another connection."""
    if path.protocol in LOCAL:
        return os.path.realpath(path.path)
    return f"{path.protocol}://{path.path.rstrip('/')}"


def _expanded(argument: str, path: str) -> str:
    # Not by pathlib, for which ./~ is the same as ~.
    expanded = os.path.expanduser(path)  # noqa: PTH111
    if expanded.startswith("~"):
        raise GroqInputError(f"{argument} {path}: this ~ has no home folder here. Write the full path.")
    return os.path.abspath(expanded)  # noqa: PTH100


@contextmanager
def storage_errors(argument: str, path: Any, *, write: bool = False) -> Iterator[None]:
    """Say what is wrong with a path or its storage in an error of this package.

    Args:
        argument: What the operator calls it.
        path: What the user gave for it.
        write: Whether it is written to.

    Raises:
        GroqInputError: For what no retry can fix: nothing there, no rights, no such path.
        GroqStorageError: For anything else.
    """
    try:
        yield
    except GroqError:
        raise
    except FileNotFoundError as error:
        what = "is in a missing bucket or folder" if write else "is missing"
        said = "" if _is_local(path) else f" ({error})"
        raise GroqInputError(f"{argument} {path} {what}{said}. Create it, or correct the path.") from error
    except PermissionError as error:
        raise GroqInputError(
            f"{argument} {path} cannot be {'written' if write else 'read'}: {_who(path)} is not allowed to ({error}). "
            "Grant access, then clear the task."
        ) from error
    except (FileExistsError, NotADirectoryError) as error:
        what = "must be a folder, but is a file, or is in one" if write else "is in a file"
        raise GroqInputError(f"{argument} {path} {what}.") from error
    except (ValueError, ImportError, AirflowNotFoundException) as error:
        raise GroqInputError(f"{argument} {path}: {error}.") from error
    except OSError as error:
        raise _error(argument, path, error, retryable=error.errno not in NEVER) from error
    except Exception as error:
        # Each library of a storage has errors of its own, for what a retry may change: away, slow, overloaded.
        raise _error(argument, path, error, retryable=True) from error


def _error(argument: str, path: Any, error: Exception, *, retryable: bool) -> GroqError:
    if not retryable:
        return GroqInputError(f"{argument} {path}: {error}.")
    return GroqStorageError(
        f"{argument} {path}: the storage failed: {type(error).__name__}: {error}. If a retry does not help, "
        f"check that this machine can reach it, and check {_who(path)}."
    )


def check_writable(argument: str, path: Any) -> ObjectStoragePath:
    """Check whether files can be written into a folder, or where it will be created; leaves nothing behind.

    Raises:
        GroqInputError: They cannot, and no retry changes that.
        GroqStorageError: The storage is unreachable.
    """
    folder = storage_path(argument, path)
    if folder.protocol not in LOCAL and (found := NO_NAME.search(folder.path)):
        raise GroqInputError(
            f"{argument} {path} has {found[0]!r}, which cannot be part of a folder's name in object storage: choose "
            "another name."
        )
    with storage_errors(argument, path, write=True):
        there = folder if folder.protocol in OBJECT_STORES else _nearest(folder)
        if folder.protocol in LOCAL:
            if not os.access(there.path, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), there.path)
        else:
            _write_nothing(there / PROBE)
    return folder


def make_folder(folder: ObjectStoragePath) -> None:
    """Make a folder where there are any: in an object storage that would make a bucket of any name that is not one."""
    if folder.protocol not in OBJECT_STORES:
        folder.mkdir(parents=True, exist_ok=True)


def remove_folder(folder: ObjectStoragePath) -> None:
    """Remove a folder with all that is in it, if it is there."""
    if folder.exists():
        folder.rmdir(recursive=True)


def _nearest(folder: ObjectStoragePath) -> ObjectStoragePath:
    """The folder, or the nearest of its parents that exists."""
    there = folder
    while not there.exists() and there.parent != there:
        there = there.parent
    if there.exists() and not there.is_dir():
        raise NotADirectoryError(str(there))
    return there


def _write_nothing(probe: ObjectStoragePath) -> None:
    with probe.open("wb"):
        pass
    probe.unlink(missing_ok=True)


def _is_local(path: Any) -> bool:
    return urlsplit(str(path)).scheme in LOCAL


def _who(path: Any) -> str:
    """Whose rights count."""
    if _is_local(path):
        return "the user that runs the task"
    conn_id = urlsplit(str(path)).username
    return f"the Airflow connection {conn_id!r}" if conn_id else "the identity of the worker (no connection is named)"
