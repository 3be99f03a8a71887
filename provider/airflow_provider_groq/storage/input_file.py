"""A file of ``input_path``, opened as what it should be: lines of JSON, or CSV."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any, BinaryIO, NamedTuple, cast

from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.storage.paths import storage_errors, storage_path

BLOCK_BYTES = 8 << 20
"""How much is read from an object storage at a time; its default of 50 MiB costs three times that in memory."""

HEAD_BYTES = 1 << 16

GZIP = b"\x1f\x8b"

OTHERS = {
    GZIP: "gzip within gzip",
    b"PK\x03\x04": "a zip archive",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ": "compressed with xz",
    b"\x28\xb5\x2f\xfd": "compressed with zstd",
    b"PAR1": "a Parquet file",
}
"""What is taken for JSONL at times, by its first bytes."""

WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""Those of UTF-32 are these, or begin with a NUL."""


class Source(NamedTuple):
    """An open input file.

    Attributes:
        file: Gives its bytes, unpacked, by ``read``.
        stem: Its name without suffixes.
        head: How it begins; nothing if it is empty.
    """

    file: BinaryIO
    stem: str
    head: bytes


@contextmanager
def open_source(path: Any, *, max_bytes: int) -> Iterator[Source]:
    """Open a JSONL file of requests, which may be gzipped.

    Args:
        path: A local path, or the URI of an object storage.
        max_bytes: The largest file to accept, unpacked.

    Raises:
        GroqInputError: It is missing, no file, empty, too large, or of another format; may also come from reading.
        GroqStorageError: The storage is unreachable; likewise.
    """
    with open_file(path, max_bytes=max_bytes) as source:
        if not source.head:
            raise GroqInputError(f"input_path {path} is empty: it has no requests.")
        check_json_lines(path, source.head)
        yield source


@contextmanager
def open_file(path: Any, *, max_bytes: int | None = None, wanted: str = "a JSONL file") -> Iterator[Source]:
    """Open a file of text, which may be gzipped.

    Args:
        path: A local path, or the URI of an object storage.
        max_bytes: The largest file to accept, unpacked; None for any.
        wanted: What it must be, for the error.

    Raises:
        GroqInputError: It is missing, no file, too large, or no text in UTF-8; may also come from reading.
        GroqStorageError: The storage is unreachable; likewise.
    """
    storage = storage_path("input_path", path)
    with storage_errors("input_path", path):
        found = storage.stat()
        if found.get("type") == "directory":
            raise GroqInputError(f"input_path {path} is a folder, but must be {wanted}.")
        opened = storage.open("rb", block_size=BLOCK_BYTES)
    with opened as stored:
        packed = _Ahead(_read_stored(stored, path))
        if packed.head.startswith(GZIP):
            read = _read_gzip(packed, path)
        else:
            if max_bytes is not None and (found.st_size or 0) > max_bytes:
                raise _too_large(path, f"{found.st_size:,} bytes", max_bytes)
            read = packed.read
        file = _Ahead(read if max_bytes is None else _limited(read, path, max_bytes))
        _check_text(path, file.head)
        yield Source(cast("BinaryIO", file), PurePath(storage.name.removesuffix(".gz")).stem, file.head)


class _Ahead:
    """A file whose beginning is known before it is read.

    Attributes:
        head: What comes next, as far as it has been read.
    """

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self.head = read(HEAD_BYTES)

    def read(self, size: int) -> bytes:
        """Give up to so many bytes; none at the end."""
        if not self.head:
            return self._read(size)
        begin, self.head = self.head[:size], self.head[size:]
        return begin


def _read_stored(file: Any, path: Any) -> Callable[[int], bytes]:
    def read(size: int) -> bytes:
        with storage_errors("input_path", path):
            return cast("bytes", file.read(size))

    return read


def _read_gzip(packed: _Ahead, path: Any) -> Callable[[int], bytes]:
    unpacked = gzip.GzipFile(fileobj=cast("BinaryIO", packed), mode="rb")

    def read(size: int) -> bytes:
        try:
            return unpacked.read(size)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise GroqInputError(
                f"input_path {path} is gzipped, but damaged or truncated: {error}. Write it again."
            ) from error

    return read


def _limited(read: Callable[[int], bytes], path: Any, max_bytes: int) -> Callable[[int], bytes]:
    """However large a file says it is, and however well it is packed."""
    so_far = 0

    def limited(size: int) -> bytes:
        nonlocal so_far
        chunk = read(size)
        so_far += len(chunk)
        if so_far > max_bytes:
            raise _too_large(path, f"more than {max_bytes:,} bytes", max_bytes)
        return chunk

    return limited


def _too_large(path: Any, size: str, max_bytes: int) -> GroqInputError:
    return GroqInputError(
        f"input_path {path} has {size}, but at most {max_bytes:,} are accepted. Split it into several batches "
        "(max_file_bytes in the connection's extra is this limit)."
    )


def _check_text(path: Any, head: bytes) -> None:
    """Raise an error that names the format of a file that is not text in UTF-8."""
    for magic, what in OTHERS.items():
        if head.startswith(magic):
            raise GroqInputError(f"input_path {path} is {what}, but must be JSON Lines, as text or gzipped.")
    if head.startswith(WIDE) or b"\0" in head[:4]:
        raise GroqInputError(
            f"input_path {path} is in UTF-16 or UTF-32, but must be in UTF-8: write it with encoding='utf-8', or "
            "convert it, for example with iconv."
        )


def check_json_lines(path: Any, head: bytes) -> None:
    """Raise an error that names the form of a file that is JSON, but not one value per line.

    Args:
        path: The file.
        head: How it begins.

    Raises:
        GroqInputError: It is not JSON Lines.
    """
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if text.startswith(b"["):
        raise GroqInputError(
            f"input_path {path} is a JSON array, but must be JSON Lines: one request per line, "
            "without brackets or commas. jq -c '.[]' converts it."
        )
    if text.partition(b"\n")[0].strip() == b"{":
        raise GroqInputError(
            f"input_path {path} has a request on several lines, but must be JSON Lines: one request per line. jq -c . "
            "converts it."
        )
