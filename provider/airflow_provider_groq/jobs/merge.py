"""The answers of several rounds, merged: for each row the best that there is, in the order of the rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from airflow_provider_groq.exceptions import GroqStorageError
from airflow_provider_groq.jobs.answer_lines import Head, read_head
from airflow_provider_groq.jobs.outcomes import Ended, is_cut_off


class Sent(NamedTuple):
    """What one round brought for a row.

    Attributes:
        round: The round, from 1.
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
    """

    best: Sent
    others: Sequence[Sent] = ()


def goodness(answer: Ended) -> int:
    """How good an answer is: whole, cut off, invalid, or none at all."""
    if answer.status == "succeeded":
        return 2 if is_cut_off(answer) else 3
    return 1 if answer.status == "invalid_output" else 0


def merge(rounds: Sequence[Iterable[bytes]]) -> Iterator[Merged]:
    """Give each row with the best of its answers, one at a time; of equally good ones the earliest.

    Args:
        rounds: The lines of the answers of each round, by number of the row. The first has all rows.

    Raises:
        GroqStorageError: A line cannot be read, or the rows of a round are not in order or not those of the first.
    """
    first, *later = [_sent(number, lines) for number, lines in enumerate(rounds, 1)]
    waiting = [next(answers, None) for answers in later]
    for index, sent in enumerate(first):
        if sent.head.index != index:
            raise _disorder(sent, f"row {index:,} was to come")
        found = [sent]
        for place, other in enumerate(waiting):
            if other is not None and other.head.index <= index:
                if other.head.index < index or other.head.custom_id != sent.head.custom_id:
                    raise _disorder(other, f"it is not row {index:,} of the first round, {sent.head.custom_id!r}")
                found.append(other)
                waiting[place] = next(later[place], None)
        yield _best(found) if len(found) > 1 else Merged(sent)
    for other in waiting:
        if other is not None:
            raise _disorder(other, "the first round has no such row")


def _sent(number: int, lines: Iterable[bytes]) -> Iterator[Sent]:
    """What a round brought, in order."""
    for line in lines:
        yield Sent(number, read_head(line), line)


def _best(found: list[Sent]) -> Merged:
    best = max(found, key=lambda sent: goodness(sent.head))  # of several the first
    return Merged(best, [sent for sent in found if sent is not best])


def _disorder(sent: Sent, what: str) -> GroqStorageError:
    return GroqStorageError(
        f"The answers of round {sent.round} hold row {sent.head.index:,} ({sent.head.custom_id!r}), but {what}. "
        "Files in the work folder are missing, or were changed. Clear the task: it reads the rows anew and pays for "
        "no answer twice."
    )
