"""The answers of a job that are kept in its work folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from airflow_provider_groq.batches.requests import read_lines
from airflow_provider_groq.jobs.duplicates import Duplicates, followed, read
from airflow_provider_groq.jobs.merge import Merged, merge
from airflow_provider_groq.operators.job.round import Round

MAX_LINE_BYTES = 64 << 20

KNOWN = "known.jsonl"
"""Beside the requests of the first round: the answers of rows that are not sent in it, since they were there before."""

DUPLICATES = "duplicates.jsonl"
"""Beside them too: the rows that are not sent, since others ask the same."""


def lines_of(paths: Iterable[Any]) -> Iterator[bytes]:
    """The lines of files, one after another."""
    for path in paths:
        with path.open("rb") as file:
            yield from read_lines(file, max_bytes=MAX_LINE_BYTES)


def duplicates_of(rounds: Sequence[Round]) -> Duplicates | None:
    """The rows of a job that are not sent, since others ask the same; None if there are none."""
    path = rounds[0].path / DUPLICATES
    return (lambda: read(lines_of([path]))) if path.exists() else None


def known_lines(requests: Any) -> list[Iterator[bytes]]:
    """The lines of the answers that are kept beside the requests in a folder: one iterator, or none."""
    known = requests / KNOWN
    return [lines_of([known])] if known.exists() else []


def kept_answers(rounds: Sequence[Round]) -> dict[int, Iterator[bytes]]:
    """The lines of answers by round; those from before the first as round 0."""
    before = dict(enumerate(known_lines(rounds[0].path)))
    return before | {round_.number: lines_of(round_.answer_paths()) for round_ in rounds}


def sent_rows(rounds: Sequence[Round], *, rows: int) -> Iterator[Merged]:
    """Each row that was sent or is known, with its best answer: all but duplicates."""
    duplicates = duplicates_of(rounds)
    elsewhere = () if duplicates is None else (duplicate.index for duplicate in duplicates())
    return merge(kept_answers(rounds), rows=rows, elsewhere=elsewhere)


def all_rows(rounds: Sequence[Round], *, rows: int) -> Iterator[Merged]:
    """Each row of a job with its best answer."""
    sent, duplicates = sent_rows(rounds, rows=rows), duplicates_of(rounds)
    return sent if duplicates is None else followed(sent, duplicates, total=rows)
