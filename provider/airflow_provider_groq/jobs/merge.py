"""The answers of several rounds, merged: for each row the best that there is, in the order of the rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from airflow_provider_groq.exceptions import GroqStorageError
from airflow_provider_groq.jobs.answer_lines import Head, read_head
from airflow_provider_groq.jobs.outcomes import Ended, is_cut_off

REMEDY = (
    "Files in the work folder are missing or were changed. Clear the task: it reads the rows anew, and what is "
    "answered already is not paid again."
)


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
        return 2 if is_cut_off(answer) else 3
    return 1 if answer.status == "invalid_output" else 0


def merge(rounds: Mapping[int, Iterable[bytes]], *, rows: int, elsewhere: Iterable[int] = ()) -> Iterator[Merged]:
    """Give each row with the best of its answers, one at a time; of equally good ones the earliest.

    Args:
        rounds: The lines of the answers of each round, by number of the row. Each row is in one of them at least.
        rows: How many rows there are.
        elsewhere: The numbers of the rows that are in none, in ascending order. They are left out.

    Raises:
        GroqStorageError: A line cannot be read, a row has no answer, or a round's rows are not in order.
    """
    answers = [_sent(number, lines) for number, lines in sorted(rounds.items())]
    waiting = [next(some, None) for some in answers]
    left_out = iter(elsewhere)
    without = next(left_out, None)
    for index in range(rows):
        found: list[Sent] = []
        for place, sent in enumerate(waiting):
            if sent is not None and sent.head.index <= index:
                _check(sent, index, found)
                found.append(sent)
                waiting[place] = next(answers[place], None)
        if bool(found) is (index == without):
            what = "A round has an answer to" if found else "No round has an answer to"
            raise GroqStorageError(f"{what} row {index:,} of {rows:,}. {REMEDY}")
        if index == without:
            without = next(left_out, None)
            continue
        yield _best(found) if len(found) > 1 else Merged(found[0])
    for sent in waiting:
        if sent is not None:
            raise _disorder(sent, f"the job has only {rows:,} rows")


def _sent(number: int, lines: Iterable[bytes]) -> Iterator[Sent]:
    """What a round brought, in order."""
    for line in lines:
        yield Sent(number, read_head(line), line)


def _check(sent: Sent, index: int, found: Sequence[Sent]) -> None:
    if sent.head.index < index:
        raise _disorder(sent, f"row {index:,} was to come")
    if found and sent.head.custom_id != found[0].head.custom_id:
        raise _disorder(sent, f"in round {found[0].round} it is {found[0].head.custom_id!r}")


def _best(found: list[Sent]) -> Merged:
    best = max(found, key=lambda sent: goodness(sent.head))  # of several the first
    return Merged(best, [sent for sent in found if sent is not best])


def _disorder(sent: Sent, what: str) -> GroqStorageError:
    row = f"row {sent.head.index:,} ({sent.head.custom_id!r})"
    return GroqStorageError(f"The answers of round {sent.round} hold {row}, but {what}. {REMEDY}")
