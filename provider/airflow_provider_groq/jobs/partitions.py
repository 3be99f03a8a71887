"""The partitions that a job's rows belong to: the different values of one of their columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from airflow_provider_groq.batches.partitions import PartitionProblem, partition_key
from airflow_provider_groq.jobs.records import Request
from airflow_provider_groq.jobs.requests.problems import row_error

MAX_PARTITIONS = 500
"""Each is an event of its own in Airflow's database, and wakes Dags; so many fit what a task tells at its end."""

_columns = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Partitions:
    """Gathers the keys of partitions while rows go by.

    Args:
        column: The column that names the partition of a row.

    Attributes:
        keys: The keys so far.
    """

    def __init__(self, column: str) -> None:
        self.keys: set[str] = set()
        self._column = column

    def add(self, columns: dict[str, Any] | None) -> None:
        """Take the carried columns of the next row.

        Raises:
            PartitionProblem: They have no such column, its value is not a key, or there are too many keys.
        """
        if columns is None or self._column not in columns:
            has = ", ".join(map(repr, columns or ())) or "none"
            raise PartitionProblem(
                f"has no column {self._column!r}, which asset_partition_column names; its carried columns are {has}"
            )
        self._take(columns[self._column])

    def checked(self, requests: Iterable[Request]) -> Iterator[Request]:
        """Give requests, each once its partition is known.

        Raises:
            GroqInputError: That of a row cannot be known; names the row.
        """
        for index, request in enumerate(requests):
            try:
                self.add(None if request.input is None else self._read(request.input))
            except PartitionProblem as problem:
                raise row_error(index, problem) from None
            yield request

    def _read(self, carried: bytes) -> dict[str, Any]:
        """The carried columns, of which only the one is decoded: the others may be long."""
        columns = _columns.decode(carried)
        if self._column in columns:
            columns[self._column] = msgspec.json.decode(columns[self._column])
        return columns

    def _take(self, value: Any) -> None:
        try:
            key = partition_key(value)
        except PartitionProblem as problem:
            raise PartitionProblem(f"column {self._column!r} {problem}") from None
        if key not in self.keys and len(self.keys) == MAX_PARTITIONS:
            raise PartitionProblem(
                f"column {self._column!r} has more than {MAX_PARTITIONS} different values, and each would be a "
                "partition. Choose a coarser column, such as a day, or split the rows"
            )
        self.keys.add(key)
