"""The answers of a job that are kept in its work folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from airflow_provider_groq.batches.requests import read_lines
from airflow_provider_groq.operators.job.round import Round

MAX_LINE_BYTES = 64 << 20


def lines_of(paths: Iterable[Any]) -> Iterator[bytes]:
    """The lines of files, one after another."""
    for path in paths:
        with path.open("rb") as file:
            yield from read_lines(file, max_bytes=MAX_LINE_BYTES)


def kept_answers(rounds: Sequence[Round]) -> dict[int, Iterator[bytes]]:
    """The lines of answers by round; those from before the first as round 0."""
    known = rounds[0].folder.known
    kept = {0: lines_of([known])} if known.exists() else {}
    return kept | {round_.number: lines_of(round_.answer_paths()) for round_ in rounds}
