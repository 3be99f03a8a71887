"""Answers to rows whose batch has no results, or that have no batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO

from airflow_provider_groq.jobs.records import NOTHING, Answer, Error, RowRecord, Status
from airflow_provider_groq.jobs.results.answer_lines import Writer
from airflow_provider_groq.jobs.results.summary import Summary


def write(
    records: Iterable[RowRecord],
    sink: BinaryIO,
    *,
    status: Status,
    error: Error,
    batch_id: str | None,
    round: int,  # noqa: A002 - the field's own name
) -> Summary:
    """Write the same for each row.

    Args:
        records: The rows.
        sink: Takes the lines.
        status: What became of them.
        error: Why.
        batch_id: Their batch, if they had one.
        round: The round, from 1.

    Returns:
        What was written, summarized.
    """
    writer = Writer(sink)
    for record in records:
        writer.add(
            Answer(
                custom_id=record.custom_id,
                index=record.index,
                status=status,
                output=None,
                error=error,
                model=None,
                finish_reason=None,
                usage=NOTHING,
                round=round,
                batch_id=batch_id,
                request_digest=record.digest,
                input=record.input,
            )
        )
    return writer.end()
