"""The answers of a job that are kept in its work folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from io import BytesIO
from typing import TypeAlias

from airflow_provider_groq.batches.requests import read_lines
from airflow_provider_groq.jobs.apart.duplicates import Duplicates, followed, read
from airflow_provider_groq.jobs.apart.known_files import known_files
from airflow_provider_groq.jobs.files import Path
from airflow_provider_groq.jobs.results.answer_lines import Head, read_head
from airflow_provider_groq.jobs.results.kept import Kept, KeptFile, Run, opened
from airflow_provider_groq.jobs.results.merge import Merged, merge
from airflow_provider_groq.jobs.results.summary import Summary
from airflow_provider_groq.operators.job.round import Round

Tell: TypeAlias = Callable[[int, Summary], object]

DUPLICATES = "duplicates.jsonl"
"""Beside the requests of the first round: the rows that are not sent, since others ask the same."""


def _untold(*_: object) -> None:
    """Tell nobody."""


def has_duplicates(rounds: Sequence[Round]) -> bool:
    """Whether rows of a job are not sent, since others ask the same."""
    return any(path.exists() and path.stat().st_size for path in (round_.path / DUPLICATES for round_ in rounds[:1]))


def duplicates_of(rounds: Sequence[Round]) -> Duplicates | None:
    """The rows of a job that are not sent, since others ask the same; None if there are none."""
    return (lambda: read(_lines_of(rounds[0].path / DUPLICATES))) if has_duplicates(rounds) else None


def _lines_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from read_lines(file)


def known_answers(requests: Path) -> Iterator[Kept]:
    """The answers that were there before the first round, kept beside its requests in a folder."""
    return _answers(0, known_files(requests), _untold)


def kept_answers(rounds: Sequence[Round], *, tell: Tell = _untold) -> dict[int, Iterator[Kept]]:
    """The answers by round; those from before the first as round 0.

    Args:
        rounds: The rounds.
        tell: Called with the round and the summary of each file before its answers are given.
    """
    files = {0: known_files(rounds[0].path), **{round_.number: round_.kept_files() for round_ in rounds}}
    return {number: _answers(number, some, tell) for number, some in files.items()}


def _answers(number: int, files: Iterable[KeptFile], tell: Tell) -> Iterator[Kept]:
    for kept in files:
        summary = kept.summary()
        tell(number, summary)
        yield from kept.runs(summary, round=number)


def sent_rows(rounds: Sequence[Round], *, rows: int, tell: Tell = _untold) -> Iterator[Merged | Kept]:
    """Each row that was sent or is known, with its best answer: all but duplicates."""
    duplicates = duplicates_of(rounds)
    elsewhere = () if duplicates is None else (duplicate.index for duplicate in duplicates())
    return merge(kept_answers(rounds, tell=tell), rows=rows, elsewhere=elsewhere)


def all_rows(rounds: Sequence[Round], *, rows: int, tell: Tell) -> Iterator[Merged | Kept]:
    """Each row of a job with its best answer; see `kept_answers`."""
    sent, duplicates = sent_rows(rounds, rows=rows, tell=tell), duplicates_of(rounds)
    return sent if duplicates is None else followed(sent, duplicates, total=rows)


def lines_in(answers: Iterable[Kept]) -> Iterator[bytes]:
    """The lines of answers that come in runs or as whole files."""
    for some in opened(answers):
        yield from BytesIO(some.lines)


def not_good(round_: Round) -> Iterator[Head]:
    """What those answers of a round say that are not good."""
    for kept in round_.kept_files():
        for run in kept.runs(kept.summary(), round=round_.number):
            if isinstance(run, Run) and not run.whole:
                yield read_head(run.lines)
