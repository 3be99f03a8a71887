"""The answers of a job that are kept in its work folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from io import BytesIO
from typing import Any, TypeAlias

from airflow_provider_groq.batches.requests import read_lines
from airflow_provider_groq.jobs.apart.duplicates import Duplicates, followed, read
from airflow_provider_groq.jobs.results.answer_lines import Head, read_head
from airflow_provider_groq.jobs.results.kept import Kept, KeptFile, Run, opened
from airflow_provider_groq.jobs.results.merge import Merged, merge
from airflow_provider_groq.jobs.results.summary import Summary
from airflow_provider_groq.operators.job.round import Round

Tell: TypeAlias = Callable[[int, Summary], object]

KNOWN = "known.jsonl"
"""Beside the requests of the first round: the answers of rows that are not sent in it, since they were there before."""

DUPLICATES = "duplicates.jsonl"
"""Beside them too: the rows that are not sent, since others ask the same."""


def lines_of(paths: Iterable[Any]) -> Iterator[bytes]:
    """The lines of files, one after another."""
    for path in paths:
        with path.open("rb") as file:
            yield from read_lines(file)


def duplicates_of(rounds: Sequence[Round]) -> Duplicates | None:
    """The rows of a job that are not sent, since others ask the same; None if there are none."""
    path = rounds[0].path / DUPLICATES
    return (lambda: read(lines_of([path]))) if path.exists() else None


def has_duplicates(rounds: Sequence[Round]) -> bool:
    """Whether rows of a job are not sent, since others ask the same."""
    return any(path.exists() and path.stat().st_size for path in (round_.path / DUPLICATES for round_ in rounds[:1]))


def known_lines(requests: Any) -> list[Iterator[bytes]]:
    """The lines of the answers that are kept beside the requests in a folder: one iterator, or none."""
    known = requests / KNOWN
    return [lines_of([known])] if known.exists() else []


def kept_answers(rounds: Sequence[Round], *, tell: Tell = lambda *_: None) -> dict[int, Iterator[bytes | Kept]]:
    """The answers by round; those from before the first as round 0.

    Args:
        rounds: The rounds.
        tell: Called with the round and the summary of each file before its answers are given.
    """

    def runs(round_: Round) -> Iterator[Kept]:
        for kept in round_.kept_files():
            summary = kept.summary()
            tell(round_.number, summary)
            yield from kept.runs(summary, round=round_.number)

    before: dict[int, Iterator[bytes | Kept]] = dict(enumerate(known_lines(rounds[0].path)))
    return before | {round_.number: runs(round_) for round_ in rounds}


def sent_rows(rounds: Sequence[Round], *, rows: int, tell: Tell = lambda *_: None) -> Iterator[Merged | Kept]:
    """Each row that was sent or is known, with its best answer: all but duplicates."""
    duplicates = duplicates_of(rounds)
    elsewhere = () if duplicates is None else (duplicate.index for duplicate in duplicates())
    return merge(kept_answers(rounds, tell=tell), rows=rows, elsewhere=elsewhere)


def all_rows(rounds: Sequence[Round], *, rows: int, tell: Tell) -> Iterator[Merged | Kept]:
    """Each row of a job with its best answer; see `kept_answers`."""
    sent, duplicates = sent_rows(rounds, rows=rows, tell=tell), duplicates_of(rounds)
    return sent if duplicates is None else followed(sent, duplicates, total=rows)


def lines_in(answers: Iterable[bytes | Kept]) -> Iterator[bytes]:
    """The lines of answers that come alone, in runs or as whole files."""
    for some in opened(answers):
        yield from BytesIO(some.lines) if isinstance(some, Run) else [some]


def not_good(files: Iterable[KeptFile]) -> Iterator[Head]:
    """What the answers in files say that are not good."""
    for kept in files:
        for run in kept.runs(kept.summary(), round=0):
            if isinstance(run, Run) and not run.whole:
                yield read_head(run.lines)
