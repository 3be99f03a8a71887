"""Which rows of a job need not be sent: found by the digest of their request.

Those with equal digests are in the same group of a temporary file. A million rows take no more memory than one, unless
there are a million answers to the same request.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, cycle
from operator import attrgetter
from typing import NamedTuple, TypeAlias

import msgspec

from airflow_provider_groq.jobs.groups import GROUPS, Groups
from airflow_provider_groq.jobs.records import RowRecord

PURPOSE = "requests are compared"


class Place(NamedTuple):
    """Where an answer is stored. Of several answers the least is the best.

    Attributes:
        is_cut_off: Whether the answer is.
        file: The number of its file.
        start: Where it begins.
        size: Its size.
        is_shared: Whether it may serve several rows, also without ``dedupe``.
    """

    is_cut_off: bool
    file: int
    start: int
    size: int
    is_shared: bool = False


class Elsewhere(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """A row that need not be sent.

    Attributes:
        number: The number of the row, from 0.
        answer: Where there is an answer to it; None if there is none yet.
        original: The number of the row whose answer it gets then.
    """

    number: int
    answer: Place | None
    original: int | None = None


Entry: TypeAlias = tuple[bytes, int, Place]
"""An answer: the digest of its request, the `owner_of` it, and where it is."""

_Row: TypeAlias = tuple[bytes, int, int]
"""The digest of its request, its `owner_of`, and its number."""


class RequestIndex:
    """Finds the rows that need not be sent. Close it: that deletes its files."""

    def __init__(self) -> None:
        self._answers: Groups[Entry] = Groups(Entry, PURPOSE)
        self._rows: Groups[_Row] = Groups(_Row, PURPOSE)
        self._found: Groups[Elsewhere] = Groups(Elsewhere, PURPOSE)

    def close(self) -> None:
        """Delete the files."""
        for groups in (self._answers, self._rows, self._found):
            groups.close()

    def add_answers(self, entries: Iterable[Entry]) -> int:
        """Take answers that are there already; how many they are.

        Raises:
            GroqStorageError: There is no room for comparing them.
        """
        count = 0
        for entry in entries:
            self._answers.add(hash(entry[0]) % GROUPS, entry)
            count += 1
        return count

    def elsewhere(self, records: Iterable[RowRecord], *, dedupe: bool) -> Iterator[Elsewhere]:
        """Find the rows that need not be sent, in the order of the rows. To be called once, when all answers are there.

        Args:
            records: All rows, in order.
            dedupe: Whether rows that ask the same get the same answer. Without it each gets its own, or one that no
                row has; only those that are shared serve several.

        Raises:
            GroqStorageError: There is no room for comparing them.
        """
        rows = 0
        for record in records:
            rows = record.index + 1
            if (key := key_of(record.digest)) is not None:
                self._rows.add(hash(key) % GROUPS, (key, owner_of(record.custom_id), record.index))
        for group in range(GROUPS):
            for found in self._of_equal_rows(group) if dedupe else self._of_own_rows(group):
                self._found.add(found.number * GROUPS // rows, found)
        for group in range(GROUPS):
            yield from sorted(self._found.read(group), key=attrgetter("number"))

    def _of_equal_rows(self, group: int) -> Iterator[Elsewhere]:
        """Those of a group, where all rows that ask the same get the best answer."""
        best: dict[bytes, Place] = {}
        for digest, _, place in self._answers.read(group):
            best[digest] = min(place, best.get(digest, place))
        originals: dict[bytes, int] = {}
        for digest, _, number in self._rows.read(group):
            original = originals.setdefault(digest, number)
            if digest in best:
                yield Elsewhere(number, best[digest])
            elif original != number:
                yield Elsewhere(number, None, original)

    def _of_own_rows(self, group: int) -> Iterator[Elsewhere]:
        """Those of a group, where each row gets its own answer, or another that is left."""
        best: dict[tuple[bytes, int], Place] = {}
        for digest, owner, place in self._answers.read(group):
            best[digest, owner] = min(place, best.get((digest, owner), place))
        answered = {digest for digest, _ in best}
        taken: set[Place] = set()
        others: dict[bytes, list[Place]] = {}
        for digest, owner, number in self._rows.read(group):
            if (own := best.get((digest, owner))) is not None:
                taken.add(own)
                yield Elsewhere(number, own)
            elif digest in answered:
                others[digest] = []
        for (digest, _), place in best.items():
            if digest in others:
                others[digest].append(place)
        spread = {digest: _spread(places, taken) for digest, places in others.items()}
        for digest, owner, number in self._rows.read(group) if others else ():
            if digest in spread and (digest, owner) not in best and (given := next(spread[digest], None)) is not None:
                yield Elsewhere(number, given)


def _spread(places: list[Place], taken: set[Place]) -> Iterator[Place]:
    """The answers that rows without one of their own get: first those that no row has taken."""
    places.sort()
    whole = [place for place in places if not place.is_cut_off]
    if shared := [place for place in whole if place.is_shared]:
        return chain((place for place in whole if place not in taken), cycle(shared))
    return chain((place for place in places if place not in taken), cycle(place for place in places if place.is_shared))


def key_of(digest: str) -> bytes | None:
    """The digest of a request in half the bytes; None if it is none."""
    try:
        return bytes.fromhex(digest)
    except ValueError:
        return None


def owner_of(custom_id: str) -> int:
    """A number for a ``custom_id``, the same within this process."""
    return hash(custom_id)
