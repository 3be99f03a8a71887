"""The answers of a job that are kept in its work folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from io import BytesIO
from typing import Any

from airflow_provider_groq.batches.requests import read_lines
from airflow_provider_groq.jobs.answer_lines import Head, read_head
from airflow_provider_groq.jobs.kept import Run, kept_runs, read_summary
from airflow_provider_groq.jobs.summary import Summary
from airflow_provider_groq.operators.job.round import Round

MAX_LINE_BYTES = 64 << 20


def lines_of(paths: Iterable[Any]) -> Iterator[bytes]:
    """The lines of files, one after another."""
    for path in paths:
        with path.open("rb") as file:
            yield from read_lines(file, max_bytes=MAX_LINE_BYTES)


def kept_answers(
    rounds: Sequence[Round], *, tell: Callable[[int, Summary], object] = lambda *_: None
) -> dict[int, Iterator[bytes | Run]]:
    """The answers by round; those from before the first as round 0.

    Args:
        rounds: The rounds.
        tell: Called with the round and the summary of each file before its answers are given.
    """

    def runs(round_: Round) -> Iterator[Run]:
        for path in round_.answer_paths():
            summary = read_summary(path)
            tell(round_.number, summary)
            yield from kept_runs(path, summary, round=round_.number)

    known = rounds[0].folder.known
    before: dict[int, Iterator[bytes | Run]] = {0: lines_of([known])} if known.exists() else {}
    return before | {round_.number: runs(round_) for round_ in rounds}


def lines_in(answers: Iterable[bytes | Run]) -> Iterator[bytes]:
    """The lines of answers that come alone or in runs."""
    for some in answers:
        yield from BytesIO(some.lines) if isinstance(some, Run) else [some]


def not_good(paths: Iterable[Any]) -> Iterator[Head]:
    """What the answers in files say that are not good."""
    for path in paths:
        for run in kept_runs(path, read_summary(path), round=0):
            if not run.whole:
                yield read_head(run.lines)
