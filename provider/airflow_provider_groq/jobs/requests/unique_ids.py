"""Equal ``custom_id``s, found however far apart, in memory that does not grow."""

from __future__ import annotations

import sqlite3
from types import TracebackType
from typing import Self

from airflow_provider_groq.batches.options import shown
from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.jobs.temporary import open_database, temporary_errors

TOGETHER = 50_000
"""How many are kept in memory, some 10 MB, so that the rows of a single batch need no file. More at once are looked up
faster too: in the order of the index they are neighbours, for which fewer pages are read."""

TABLE = "CREATE TABLE ids (custom_id TEXT PRIMARY KEY, row INTEGER) WITHOUT ROWID"


class UniqueIds:
    """The ids of rows. Many are kept in a temporary file that SQLite removes by itself, also when the process dies."""

    def __init__(self) -> None:
        self._new: dict[str, int] = {}
        self._file: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._file:
            self._file.close()

    def add(self, custom_id: str, row: int) -> None:
        """Keep the id of a row. An equal one may be reported only by a later call, or by `check`.

        Raises:
            GroqInputError: Two rows have the same.
            GroqStorageError: The temporary file cannot be written.
        """
        first = self._new.setdefault(custom_id, row)
        if first != row:
            raise _repeated(first, row, custom_id)
        if len(self._new) > TOGETHER:
            self._look_up()

    def check(self) -> None:
        """Compare what was added last with all before; raises as `add` does."""
        if self._file:
            self._look_up()

    def _look_up(self) -> None:
        new, self._new = sorted(self._new.items()), {}
        with temporary_errors("equal custom_ids are found"):
            file = self._file = self._file or open_database(TABLE)
            file.execute("BEGIN")
            before = file.total_changes
            file.executemany("INSERT OR IGNORE INTO ids VALUES (?, ?)", new)
            if file.total_changes - before < len(new):
                raise _first_repeated(file, new)
            file.execute("COMMIT")


def _first_repeated(file: sqlite3.Connection, new: list[tuple[str, int]]) -> GroqInputError:
    find = "SELECT row FROM ids WHERE custom_id = ?"
    found = ((row, file.execute(find, (custom_id,)).fetchone()[0], custom_id) for custom_id, row in new)
    row, first, custom_id = min((row, first, custom_id) for row, first, custom_id in found if first != row)
    return _repeated(first, row, custom_id)


def _repeated(first: int, row: int, custom_id: str) -> GroqInputError:
    return GroqInputError(
        f"Rows {first:,} and {row:,} (counted from 0) have the same custom_id {shown(custom_id)}, but it "
        "must be unique. Nothing was sent."
    )
