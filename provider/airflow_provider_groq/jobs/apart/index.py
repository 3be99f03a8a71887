"""Which rows of a job need not be sent: found by the digest of their request.

Those with equal digests are in the same group of a temporary file. A million rows take no more memory than one, unless
there are a million answers to the same request.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from operator import attrgetter

from airflow_provider_groq.jobs.apart.assignment import (
    Asking,
    Candidate,
    Elsewhere,
    name_of,
    one_for_all,
    one_for_each,
)
from airflow_provider_groq.jobs.groups import GROUPS, Groups
from airflow_provider_groq.jobs.records import RowRecord

PURPOSE = "requests are compared"


class RequestIndex:
    """Finds the rows that need not be sent. Close it: that deletes its files."""

    def __init__(self) -> None:
        self._answers: Groups[Candidate] = Groups(Candidate, PURPOSE)
        self._rows: Groups[Asking] = Groups(Asking, PURPOSE)
        self._found: Groups[Elsewhere] = Groups(Elsewhere, PURPOSE)

    def close(self) -> None:
        """Delete the files."""
        for groups in (self._answers, self._rows, self._found):
            groups.close()

    def add_answers(self, answers: Iterable[Candidate]) -> int:
        """Take answers that are there already; how many they are. Of equally good ones, the first is given.

        Raises:
            GroqStorageError: There is no room for comparing them.
        """
        count = 0
        for answer in answers:
            self._answers.add(hash(answer.digest) % GROUPS, answer)
            count += 1
        return count

    def elsewhere(self, records: Iterable[RowRecord], *, dedupe: bool) -> Iterator[Elsewhere]:
        """Find the rows that need not be sent, in the order of the rows. To be called once, when all answers are there.

        Args:
            records: All rows, in order.
            dedupe: Whether rows that ask the same get the same answer, or that of the first of them.

        Raises:
            GroqStorageError: There is no room for comparing them.
        """
        rows = 0
        for record in records:
            rows = record.index + 1
            if (key := key_of(record.digest)) is not None:
                asking = Asking(key, name_of(record.custom_id), record.index)
                self._rows.add(hash(key) % GROUPS, asking)
        assign = one_for_all if dedupe else one_for_each
        for group in range(GROUPS):
            for found in assign(partial(self._rows.read, group), self._answers.read(group)):
                self._found.add(found.number * GROUPS // rows, found)
        for group in range(GROUPS):
            yield from sorted(self._found.read(group), key=attrgetter("number"))


def key_of(digest: str) -> bytes | None:
    """The digest of a request in half the bytes; None if it is none."""
    try:
        return bytes.fromhex(digest)
    except ValueError:
        return None
