"""Which rows of a job need not be sent: found by the digest of their request, in one index.

A row is answered already where there is an answer to its request, and is a duplicate where a row before it asks the
same. The index is a temporary file of SQLite: a million rows and answers take no more memory than one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

from airflow_provider_groq.jobs.records import RowRecord
from airflow_provider_groq.jobs.temporary import open_database, temporary_errors

INSERTED = 10_000
"""How many entries go into the index at a time, and come out of it."""

TABLES = (
    "CREATE TABLE answers (digest BLOB, cut_off INTEGER, file INTEGER, start INTEGER, size INTEGER)",
    "CREATE TABLE best (digest BLOB PRIMARY KEY, file INTEGER, start INTEGER, size INTEGER) WITHOUT ROWID",
    "CREATE TABLE rows (digest BLOB, number INTEGER)",
)
BEST = """
    INSERT OR IGNORE INTO best
    SELECT digest, file, start, size FROM answers ORDER BY digest, cut_off, file, start
"""
"""Of equal keys the first stays. All of them come sorted: one by one they would be written all over the file."""
ELSEWHERE = """
    SELECT number, original, file, start, size
    FROM (SELECT digest, number, min(number) OVER (PARTITION BY digest) AS original FROM rows)
    LEFT JOIN best USING (digest)
    WHERE file IS NOT NULL OR (? AND number <> original)
    ORDER BY number
"""
Entry: TypeAlias = tuple[bytes, bool, int, int, int]
"""An answer: the digest of its request, whether it is cut off, and its `Place`. SQLite takes longer for other types."""

PURPOSE = "requests are compared"


class Place(NamedTuple):
    """Where an answer is stored.

    Attributes:
        file: The number of its file.
        start: Where it begins.
        size: Its size.
    """

    file: int
    start: int
    size: int


class Elsewhere(NamedTuple):
    """A row that need not be sent.

    Attributes:
        number: The number of the row, from 0.
        original: The number of the first row that asks the same, which may be this one.
        answer: Where there is an answer to it; None if there is none but what the original brings.
    """

    number: int
    original: int
    answer: Place | None


class RequestIndex:
    """Finds the rows that need not be sent. Close it: that deletes its file."""

    def __init__(self) -> None:
        with temporary_errors(PURPOSE):
            self._database = open_database(*TABLES)

    def close(self) -> None:
        """Delete the file."""
        self._database.close()

    def add_answers(self, entries: Iterable[Entry]) -> int:
        """Take answers that are there already; how many they are."""
        return self._insert("INSERT INTO answers VALUES (?, ?, ?, ?, ?)", entries)

    def elsewhere(self, records: Iterable[RowRecord], *, dedupe: bool) -> Iterator[Elsewhere]:
        """Find the rows that need not be sent, in the order of the rows. To be called once, when all answers are there.

        Args:
            records: All rows.
            dedupe: Whether those that ask what a row before them asks are among them.

        Raises:
            GroqStorageError: There is no room for finding them.
        """
        keys = ((key_of(record.digest), record.index) for record in records)
        self._insert("INSERT INTO rows VALUES (?, ?)", (pair for pair in keys if pair[0] is not None))
        with temporary_errors(PURPOSE):
            self._database.execute(BEST)
            found = self._database.execute(ELSEWHERE, (dedupe,))
        while True:
            with temporary_errors(PURPOSE):
                some = found.fetchmany(INSERTED)
            if not some:
                return
            for number, original, file, start, size in some:
                yield Elsewhere(number, original, None if file is None else Place(file, start, size))

    def _insert(self, statement: str, values: Iterable[Any]) -> int:
        rest, count = iter(values), 0
        while some := list(islice(rest, INSERTED)):
            with temporary_errors(PURPOSE):
                self._database.execute("BEGIN")
                self._database.executemany(statement, some)
                self._database.execute("COMMIT")
            count += len(some)
        return count


def key_of(digest: str) -> bytes | None:
    """The digest of a request in half the bytes; None if it is none."""
    try:
        return bytes.fromhex(digest)
    except ValueError:
        return None
