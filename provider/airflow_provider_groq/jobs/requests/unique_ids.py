"""Equal ``custom_id``s, found however far apart, in memory that hardly grows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from airflow_provider_groq.batches.options import shown
from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.jobs.groups import GROUPS, TOGETHER, GroupFile

PURPOSE = "equal custom_ids are found"


class UniqueIds:
    """The ids of rows. Many are kept in a temporary file; use it as a context manager.

    Equal ids have equal hashes, so only those of a group are compared.
    """

    def __init__(self) -> None:
        self._new: dict[str, int] = {}
        self._written: GroupFile[dict[str, int]] = GroupFile(dict[str, int], PURPOSE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._written.close()

    def add(self, custom_id: str, row: int) -> None:
        """Keep the id of a row. An equal one may be reported only by `check`.

        Raises:
            GroqInputError: Two rows have the same.
            GroqStorageError: The temporary file cannot be written.
        """
        first = self._new.setdefault(custom_id, row)
        if first != row:
            raise _repeated(row, first, custom_id)
        if len(self._new) > TOGETHER:
            self._write()

    def check(self) -> None:
        """Compare all that were added; raises as `add` does."""
        if not self._written:
            return
        self._write()
        found = [equal for group in range(GROUPS) if (equal := _first_equal(self._written.read(group)))]
        if found:
            raise _repeated(*min(found))

    def _write(self) -> None:
        groups: list[dict[str, int]] = [{} for _ in range(GROUPS)]
        for custom_id, row in self._new.items():
            groups[hash(custom_id) % GROUPS][custom_id] = row
        self._new = {}
        self._written.write(groups)


def _first_equal(pieces: Iterator[dict[str, int]]) -> tuple[int, int, str] | None:
    """The first row that has the id of one before it, that one, and the id."""
    known: dict[str, int] = {}
    for ids in pieces:
        if equal := known.keys() & ids.keys():
            return min((ids[custom_id], known[custom_id], custom_id) for custom_id in equal)
        known |= ids
    return None


def _repeated(row: int, first: int, custom_id: str) -> GroqInputError:
    return GroqInputError(
        f"Rows {first:,} and {row:,} (counted from 0) have the same custom_id {shown(custom_id)}, but it "
        "must be unique. Nothing was sent."
    )
