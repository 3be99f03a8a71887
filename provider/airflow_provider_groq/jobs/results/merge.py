"""The answers of several rounds, merged: for each row the best that there is, in the order of the rows."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from itertools import chain, islice
from typing import NamedTuple

from airflow_provider_groq.exceptions import GroqStorageError
from airflow_provider_groq.jobs.results.answer_lines import Head, read_head
from airflow_provider_groq.jobs.results.kept import REMEDY, Kept, Run, WholeFile
from airflow_provider_groq.jobs.results.outcomes import Ended, is_good

END = sys.maxsize
"""The number of no row."""


class Sent(NamedTuple):
    """What one round brought for a row.

    Attributes:
        round: The round, from 1; 0 for what was there before the first.
        head: What its answer says.
        line: Its answer, as it was written.
    """

    round: int
    head: Head
    line: bytes


class Merged(NamedTuple):
    """What is known of a row after all rounds.

    Attributes:
        best: What becomes its answer.
        others: What the other rounds brought for it.
        is_duplicate: Whether it was not sent, and has the answer of a row that asks the same.
    """

    best: Sent
    others: Sequence[Sent] = ()
    is_duplicate: bool = False


def goodness(answer: Ended) -> int:
    """How good an answer is: whole, cut off, invalid, or none at all."""
    if answer.status == "succeeded":
        return 3 if is_good(answer) else 2
    return 1 if answer.status == "invalid_output" else 0


def merge(rounds: Mapping[int, Iterable[Kept]], *, rows: int, elsewhere: Iterable[int] = ()) -> Iterator[Merged | Kept]:
    """Give each row with the best of its answers, one at a time; of equally good ones the earliest.

    Rows that have a whole answer in a run or a whole file, and no other, are given together, as it has them.

    Args:
        rounds: The answers of each round, in runs or as whole files, by number of the row. Each row is in one of them
            at least.
        rows: How many rows there are.
        elsewhere: The numbers of the rows that are in none, in ascending order. They are left out.

    Raises:
        GroqStorageError: A line cannot be read, a row has no answer, or a round's rows are not in order.
    """
    answers = [_Answers(number, some) for number, some in sorted(rounds.items())]
    left_out = iter(elsewhere)
    index, without = 0, next(left_out, END)
    while index < rows:
        here = [some for some in answers if some.index <= index]
        if bool(here) is (index == without):
            what = "A round has an answer to" if here else "No round has an answer to"
            raise GroqStorageError(f"{what} row {index:,} of {rows:,}. {REMEDY}")
        if index == without:
            index, without = index + 1, next(left_out, END)
            continue
        first = here[0]
        if len(here) == 1 and first.is_whole and first.index == index:
            run = first.run(min([rows, without, *(some.index for some in answers if some is not first)]) - index)
            yield run
            index += run.rows
            continue
        found: list[Sent] = []
        for some in here:
            sent = some.take()
            _check(sent, index, found)
            found.append(sent)
        yield _best(found) if len(found) > 1 else Merged(found[0])
        index += 1
    for some in answers:
        if some.index != END:
            raise _disorder(some.take(), f"the job has only {rows:,} rows")


class _Answers:
    """What a round brought, in order, taken row by row or in runs.

    Attributes:
        index: The number of the next row; `END` after the last.
        is_whole: Whether its answer is known to be whole without being read.
    """

    def __init__(self, number: int, items: Iterable[Kept]) -> None:
        self._number = number
        self._items = iter(items)
        self._unopened: Kept | None = None
        self._lines = BytesIO()
        self._left = 0
        self._next()

    def take(self) -> Sent:
        """What the round brought for the next row."""
        self._open()
        line = self._lines.readline()
        sent = Sent(self._number, read_head(line), line)
        if sent.head.index != self.index:
            raise _disorder(sent, f"row {self.index:,} was expected")
        self._forward(1)
        return sent

    def run(self, most: int) -> Kept:
        """What it brought for the next rows, for so many at most."""
        if self._unopened is not None and self._left <= most:
            kept = self._unopened
            self._forward(kept.rows)
            return kept
        self._open()
        index, rows = self.index, min(most, self._left)
        lines = self._lines.read() if rows == self._left else b"".join(islice(self._lines, rows))
        self._forward(rows)
        return Run(self._number, index, rows, lines, whole=True)

    def _open(self) -> None:
        """Take the lines of a run one by one, and a whole file run by run."""
        if isinstance(self._unopened, WholeFile):
            self._items = chain(self._unopened.runs(), self._items)
            self._next()
        if isinstance(self._unopened, Run):
            self._lines, self._unopened = BytesIO(self._unopened.lines), None

    def _forward(self, rows: int) -> None:
        self.index += rows
        self._left -= rows
        if not self._left:
            self._next()

    def _next(self) -> None:
        item = self._unopened = next(self._items, None)
        if item is None:
            self.index, self._left, self.is_whole = END, 1, False
        else:
            self.index, self._left = item.first, item.rows
            self.is_whole = isinstance(item, WholeFile) or item.whole


def _check(sent: Sent, index: int, found: Sequence[Sent]) -> None:
    if sent.head.index < index:
        raise _disorder(sent, f"row {index:,} was expected")
    if found and sent.head.custom_id != found[0].head.custom_id:
        raise _disorder(sent, f"in round {found[0].round} it is {found[0].head.custom_id!r}")


def _best(found: list[Sent]) -> Merged:
    best = max(found, key=lambda sent: goodness(sent.head))  # of several the first
    return Merged(best, [sent for sent in found if sent is not best])


def _disorder(sent: Sent, what: str) -> GroqStorageError:
    row = f"row {sent.head.index:,} ({sent.head.custom_id!r})"
    return GroqStorageError(f"The answers of round {sent.round} hold {row}, but {what}. {REMEDY}")
