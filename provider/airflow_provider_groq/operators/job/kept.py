"""The answers of a job that are kept in its work folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from airflow_provider_groq.batches.requests import read_lines
from airflow_provider_groq.operators.job.round import Round

MAX_LINE_BYTES = 64 << 20

KNOWN = "known.jsonl"
"""Beside the requests of the first round: the answers of rows that are not sent in it, since they were there before."""


def lines_of(paths: Iterable[Any]) -> Iterator[bytes]:
    """The lines of files, one after another."""
    for path in paths:
        with path.open("rb") as file:
            yield from read_lines(file, max_bytes=MAX_LINE_BYTES)


def known_lines(requests: Any) -> list[Iterator[bytes]]:
    """The lines of the answers that are kept beside the requests in a folder: one iterator, or none."""
    known = requests / KNOWN
    return [lines_of([known])] if known.exists() else []


def kept_answers(rounds: Sequence[Round]) -> dict[int, Iterator[bytes]]:
    """The lines of answers by round; those from before the first as round 0."""
    before = dict(enumerate(known_lines(rounds[0].path)))
    return before | {round_.number: lines_of(round_.answer_paths()) for round_ in rounds}
