"""Which row gets which of the answers that are there already, where rows and answers are compared together."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from itertools import chain, cycle
from operator import attrgetter

import msgspec


class Place(msgspec.Struct, array_like=True, gc=False, frozen=True, order=True):
    """Where an answer is stored.

    Attributes:
        file: The number of its file.
        start: Where it begins.
        size: Its size.
    """

    file: int
    start: int
    size: int


class Candidate(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """An answer that rows with the same request may get.

    Attributes:
        digest: The digest of its request.
        owner: The `name_of` the row that has it.
        sent: The same for each copy of the answer, and for no other one.
        is_cut_off: Whether it is cut off.
        is_copy: Whether its row shares it with others already.
        is_shared: Whether it may serve several rows, also without ``dedupe``.
        place: Where it is stored.
    """

    digest: bytes
    owner: int
    sent: int
    is_cut_off: bool
    is_copy: bool
    is_shared: bool
    place: Place


class Asking(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """A row that asks for an answer.

    Attributes:
        digest: The digest of its request.
        owner: Its `name_of`.
        number: Its number, from 0.
    """

    digest: bytes
    owner: int
    number: int


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


def name_of(*names: str | None) -> int:
    """A number for names, the same within this process."""
    return hash(names)


def one_for_all(rows: Callable[[], Iterable[Asking]], answers: Iterable[Candidate]) -> Iterator[Elsewhere]:
    """Give rows with the same request the same answer, or that of the first of them; a row keeps its own whole answer.

    Args:
        rows: Gives the rows, in order.
        answers: All answers, in the order of their files.
    """
    own: dict[tuple[bytes, int], Candidate] = {}
    best: dict[bytes, Candidate] = {}
    for answer in _whole_first(answers):
        best.setdefault(answer.digest, answer)
        if not answer.is_cut_off:
            own.setdefault((answer.digest, answer.owner), answer)
    originals: dict[bytes, int] = {}
    for row in rows():
        original = originals.setdefault(row.digest, row.number)
        given = own.get((row.digest, row.owner)) or best.get(row.digest)
        if given is not None:
            yield Elsewhere(row.number, given.place)
        elif original != row.number:
            yield Elsewhere(row.number, None, original)


def one_for_each(rows: Callable[[], Iterable[Asking]], answers: Iterable[Candidate]) -> Iterator[Elsewhere]:
    """Give each row an answer that no other row has; only shared ones may serve several.

    A row gets the first of these that there is: its own whole answer, a whole one that is left, a shared whole one, and
    in the same order those that are cut off.

    Args:
        rows: Gives the rows, in order, as often as it is called.
        answers: All answers, in the order of their files.
    """
    known = _Known(answers)
    done: set[int] = set()
    cut_off: dict[int, Candidate] = {}
    wanting: set[bytes] = set()
    for row in rows():
        own = known.own(row)
        if own is not None and not own.is_cut_off:
            done.add(row.number)
            yield Elsewhere(row.number, own.place)
        elif row.digest in known.digests:
            wanting.add(row.digest)
            if own is not None:
                cut_off[row.number] = own
    if not wanting:
        return
    left = known.left(wanting)
    for row in rows():
        if row.digest in wanting and row.number not in done:
            given = left[row.digest].take(cut_off.get(row.number))
            if given is not None:
                yield Elsewhere(row.number, given.place)


class _Known:
    """Answers, and which of them rows have taken. Of the answers that a row has, only its best counts, and shared ones.

    Args:
        answers: All of them.

    Attributes:
        digests: Those of their requests.
    """

    def __init__(self, answers: Iterable[Candidate]) -> None:
        self._own: dict[tuple[bytes, int], Candidate] = {}
        self._more: dict[tuple[bytes, int], list[Candidate]] = {}
        for answer in _whole_first(answers):
            key = answer.digest, answer.owner
            if self._own.setdefault(key, answer) is not answer and (answer.is_shared or self._own[key].is_shared):
                self._more.setdefault(key, []).append(answer)
        self.digests = {digest for digest, _ in self._own}
        self._taken: set[int] = set()
        # Also given, but without keeping the row that was sent from its answer.
        self._repeated: set[int] = set()

    def own(self, row: Asking) -> Candidate | None:
        """Take the answer that a row has already."""
        key = row.digest, row.owner
        if key not in self._own:
            return None
        answers: Iterable[Candidate] = (self._own[key], *self._more.get(key, []))
        for answer in answers:
            if answer.is_copy or answer.is_shared:
                self._repeated.add(answer.sent)
                return answer
            if answer.sent not in self._taken:
                self._taken.add(answer.sent)
                return answer
        return None

    def left(self, digests: Container[bytes]) -> dict[bytes, _Left]:
        """What is left for other rows, when all rows have been asked for their own."""
        taken = self._taken | self._repeated
        answers: dict[bytes, list[Candidate]] = {}
        for answer in _whole_first(chain(self._own.values(), *self._more.values())):
            if answer.digest in digests:
                answers.setdefault(answer.digest, []).append(answer)
        return {digest: _Left(some, taken) for digest, some in answers.items()}


class _Left:
    """What is left of the answers to a request for rows that have no whole one of their own.

    Args:
        answers: All of them, in the order of their files.
        taken: Those that rows have.
    """

    def __init__(self, answers: list[Candidate], taken: set[int]) -> None:
        self._whole = _in_turn(answers, taken, are_cut_off=False)
        self._cut_off = _in_turn(answers, taken, are_cut_off=True)

    def take(self, own: Candidate | None) -> Candidate | None:
        """An answer for the next row; None if the row must be sent.

        Args:
            own: Its own one that is cut off.
        """
        return next(self._whole, None) or own or next(self._cut_off, None)


def _in_turn(answers: list[Candidate], taken: set[int], *, are_cut_off: bool) -> Iterator[Candidate]:
    """Those that no row has, each once, and then those that may serve several rows, again and again."""
    these = [answer for answer in answers if answer.is_cut_off is are_cut_off]
    free: dict[int, Candidate] = {}
    for answer in these:
        if answer.sent not in taken:
            free.setdefault(answer.sent, answer)
    yield from free.values()
    if shared := [answer for answer in these if answer.is_shared]:
        yield from cycle(shared)


def _whole_first(answers: Iterable[Candidate]) -> list[Candidate]:
    return sorted(answers, key=attrgetter("is_cut_off", "place"))
