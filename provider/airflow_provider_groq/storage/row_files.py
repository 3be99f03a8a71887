"""The files of a job's ``input_path``, read as rows."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any

from airflow.sdk import ObjectStoragePath

from airflow_provider_groq.batches import json_lines
from airflow_provider_groq.batches.options import shown
from airflow_provider_groq.batches.requests import read_lines
from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.jobs.amounts import Amount
from airflow_provider_groq.storage.input_file import Source, check_json_lines, open_file
from airflow_provider_groq.storage.paths import LOCAL, place_of, storage_errors, storage_path

MAGIC = re.compile(r"[*?\[]")
"""What makes a path a pattern."""

WANTED = "one file or several, as JSON Lines or CSV: name them, such as .../*.jsonl"

_objects = json_lines.Reader(dict)


def rows_of(input_path: Any, *, max_bytes: int) -> RowFiles:
    """Read rows from files, as a stream.

    Args:
        input_path: A path, local or in an object storage; a pattern with ``*``, ``?``, ``[…]`` or ``**``, whose files
            are read in the order of their names; or a list of these. A file whose name ends in ``.csv`` or ``.csv.gz``
            is CSV with a header, any other JSON Lines, gzipped or not; in the name, case does not matter.
        max_bytes: The longest line to accept.

    Returns:
        An iterator of the rows. Its ``place`` is the file and line of the last.

    Raises:
        GroqInputError: A pattern has no files, or a file is wrong, or there are no rows in any; names file and line.
            May also come from reading.
        GroqStorageError: The storage is unreachable; likewise.
    """
    return RowFiles(input_path, _files(input_path), max_bytes)


class RowFiles(Iterator[Any]):
    """The rows of files, one after the other.

    Args:
        input_path: What the user gave.
        files: Them, each with the path or pattern that names it.
        max_bytes: The longest line to accept.

    Attributes:
        place: The file and line that the last row was read from.
        amounts: How much was read, by path or pattern; of files that are read to their end.
    """

    def __init__(self, input_path: Any, files: list[tuple[str, ObjectStoragePath]], max_bytes: int) -> None:
        self._input_path = input_path
        self._files = files
        self._max_bytes = max_bytes
        self._path: ObjectStoragePath | None = None
        self._line = self._bytes = 0
        self.amounts: dict[str, Amount] = {}
        self._rows = self._read()

    @property
    def place(self) -> str:
        """The file and line that the last row was read from."""
        return f"line {self._line:,} of {self._path}"

    def __next__(self) -> Any:
        return next(self._rows)

    def _read(self) -> Iterator[Any]:
        for named, path in self._files:
            self._path, self._line, self._bytes = path, 0, 0
            rows = 0
            with open_file(path, wanted=WANTED) as source:
                is_csv = path.name.lower().removesuffix(".gz").endswith(".csv")
                for row in self._csv_rows(source) if is_csv else self._json_rows(source):
                    rows += 1
                    yield row
            self.amounts[named] = self.amounts.get(named, Amount()).plus(Amount(rows, self._bytes, 1))
        if not any(amount.rows for amount in self.amounts.values()):
            names = ", ".join(str(path) for _, path in self._files[:3]) + (", …" if len(self._files) > 3 else "")  # noqa: PLR2004
            raise GroqInputError(f"input_path {shown(self._input_path)} has no rows. Read: {names}.")

    def _lines(self, source: Source) -> Iterator[bytes]:
        """The lines of a file, counted, without a mark of the byte order."""
        for number, line in enumerate(read_lines(source.file, max_bytes=self._max_bytes), 1):
            self._line = number
            self._bytes += len(line)
            if len(line) > self._max_bytes:
                raise self._error(f"is longer than {self._max_bytes:,} bytes, more than a batch accepts")
            yield line.removeprefix(codecs.BOM_UTF8) if number == 1 else line

    def _json_rows(self, source: Source) -> Iterator[Any]:
        check_json_lines(self._path, source.head)
        blank = 0
        for line in self._lines(source):
            if not line or line.isspace():
                blank = blank or self._line
                continue
            if blank:
                self._line = blank
                raise self._error("is empty, and rows follow it: remove the empty line")
            row = _objects.read(line)
            if row is None:
                try:
                    row = json_lines.loads(line)
                except ValueError as error:
                    raise self._error(error) from None
            yield row

    def _csv_rows(self, source: Source) -> Iterator[dict[str, str]]:
        # The module's limit of 131,072 characters for a field is one of the process, and too low for a prompt.
        csv.field_size_limit(max(csv.field_size_limit(), self._max_bytes))
        records = self._records(csv.reader(self._text_lines(source), strict=True))
        names = next(records, [])
        for number, name in enumerate(names, 1):
            if not name.strip():
                raise self._error(f"is the header, but names no column {number}")
            if names.count(name) > 1:
                raise self._error(f"is the header, but names the column {name!r} twice")
        for values in records:
            if len(values) != len(names):
                raise self._error(f"has {len(values)} columns, but the header has {len(names)}: {', '.join(names)}")
            yield dict(zip(names, values, strict=True))

    def _records(self, reader: Iterator[list[str]]) -> Iterator[list[str]]:
        """Those of a CSV file that are not empty; the line is that in which each begins."""
        last = 0
        try:
            for values in reader:
                begin, last = last + 1, self._line
                self._line = begin
                if values:
                    yield values
        except csv.Error as error:
            self._line = last + 1
            raise self._error(f'is not CSV: {error}. Fields are separated by commas and quoted with "') from None

    def _text_lines(self, source: Source) -> Iterator[str]:
        for line in self._lines(source):
            try:
                yield line.decode()
            except UnicodeDecodeError as error:
                raise self._error(f"is not in UTF-8: {error}") from None

    def _error(self, problem: object) -> GroqInputError:
        return GroqInputError(f"input_path {self._path}, line {self._line:,}: {problem}.", line=self._line)


def _files(input_path: Any) -> list[tuple[str, ObjectStoragePath]]:
    """The files that an argument names, in the order in which they are read, each with the path that names it."""
    is_one = isinstance(input_path, (str, bytes, PathLike, ObjectStoragePath)) or not isinstance(input_path, Iterable)
    paths = [input_path] if is_one else list(input_path)
    if not paths:
        raise GroqInputError("input_path is an empty list: there are no files to read.")
    files = [(str(path), file) for path in paths for file in _matching(path)]
    seen: dict[str, ObjectStoragePath] = {}
    for _, file in files:
        first = seen.setdefault(place_of(file), file)
        if first is not file:
            also = "" if str(first) == str(file) else f" (it is {first} too)"
            raise GroqInputError(f"input_path names {file} twice{also}, so you would send and pay for its rows twice.")
    return files


def _is_link_to_file(name: str) -> bool:
    """Whether a path is a link to a file, which may be missing: reading it says so."""
    path = Path(name)
    return path.is_symlink() and not path.is_dir()


def _matching(path: Any) -> list[ObjectStoragePath]:
    """The file that a path names, or those that fit a pattern, by name."""
    storage = storage_path("input_path", path)
    if not MAGIC.search(storage.path):
        return [storage]
    with storage_errors("input_path", path):
        found = storage.fs.glob(storage.path, detail=True)
        if not found and storage.is_file():  # such a character may be part of a name
            return [storage]
    is_local = storage.protocol in LOCAL
    names = sorted(
        name for name, info in found.items() if info.get("type") == "file" or (is_local and _is_link_to_file(name))
    )
    if not names:
        raise GroqInputError(f"input_path {path} matches no file. Correct it, or check that the files exist.")
    if is_local:
        return [ObjectStoragePath(name) for name in names]
    return [ObjectStoragePath(storage.fs.unstrip_protocol(name), conn_id=storage.conn_id) for name in names]
