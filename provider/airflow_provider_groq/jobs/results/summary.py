"""What stands at the end of a file of kept answers: enough that most of them need not be read again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from airflow_provider_groq.jobs.money.usage import Counts, Usage, counts_of
from airflow_provider_groq.jobs.records import Answer
from airflow_provider_groq.jobs.results.outcomes import is_cut_off, is_good, is_sent_again


class Segment(NamedTuple):
    """Answers that follow each other in a file, to rows that do so in the job.

    Attributes:
        first: The number of the first row.
        rows: How many.
        whole: Whether all of them are whole; of others each is a segment.
    """

    first: int
    rows: int
    whole: bool


class Summary(msgspec.Struct, kw_only=True):
    """What is known of the answers in a file.

    Attributes:
        bytes: Their size.
        ranges: The rows that they answer, in order: the number of the first, and how many follow each other.
        answers: How many of them say what they used.
        unmetered: How many succeeded and do not say it.
        tokens: For each model, the sums of the tokens that they used.
        again: The rows among them that are resent in any case, by number.
        cut_off: Those that are resent only as another request.
        final: Those that are not resent, although their answer is incomplete.
    """

    bytes: int
    ranges: list[tuple[int, int]]
    answers: int
    unmetered: int
    tokens: dict[str, dict[str, int]]
    again: list[int]
    cut_off: list[int]
    final: list[int]

    def sent_again(self, *, changed: bool) -> list[int]:
        """The rows that the next round sends again, in order; see `is_sent_again`."""
        return sorted([*self.again, *self.cut_off]) if changed else self.again

    def segments(self) -> Iterator[Segment]:
        """The answers, divided so that those that are not whole stand alone."""
        apart = iter(sorted([*self.again, *self.cut_off, *self.final]))
        one = next(apart, None)
        for first, rows in self.ranges:
            index, end = first, first + rows
            while one is not None and one < end:
                if one > index:
                    yield Segment(index, one - index, whole=True)
                yield Segment(one, 1, whole=False)
                index, one = one + 1, next(apart, None)
            if index < end:
                yield Segment(index, end - index, whole=True)


class Summarizer:
    """Makes the summary of answers while they are written."""

    def __init__(self) -> None:
        self._usage = Usage()
        self._begin = self._end = 0
        self._ranges: list[tuple[int, int]] = []
        self._again: list[int] = []
        self._cut_off: list[int] = []
        self._final: list[int] = []

    def add(self, answer: Answer) -> None:
        """Take the next answer."""
        self.add_all([answer], [counts_of(answer.usage)])

    def add_all(self, answers: Sequence[Answer], counts: Sequence[Counts | None]) -> None:
        """Take the next answers, which are known to have used so much."""
        self._usage.count(answers, counts)
        first, last = answers[0].index, answers[-1].index
        if last - first == len(answers) - 1:
            self._extend(first, last + 1)
        else:
            for answer in answers:
                self._extend(answer.index, answer.index + 1)
        for answer in answers:
            if not is_good(answer):
                self._kind_of(answer).append(answer.index)

    def summary(self, size: int) -> Summary:
        """The summary of all answers, which have so many bytes; no more are taken after it."""
        self._close_range()
        return Summary(
            bytes=size,
            ranges=self._ranges,
            answers=self._usage.answers,
            unmetered=self._usage.unmetered,
            tokens=self._usage.by_model,
            again=self._again,
            cut_off=self._cut_off,
            final=self._final,
        )

    def _extend(self, begin: int, end: int) -> None:
        if begin != self._end:
            self._close_range()
            self._begin = begin
        self._end = end

    def _close_range(self) -> None:
        if self._end > self._begin:
            self._ranges.append((self._begin, self._end - self._begin))

    def _kind_of(self, answer: Answer) -> list[int]:
        if is_cut_off(answer):
            return self._cut_off
        return self._again if is_sent_again(answer, changed=False) else self._final
