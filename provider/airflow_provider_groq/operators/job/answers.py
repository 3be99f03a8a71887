"""The results of a round's batches, kept as answers to its rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import BinaryIO

from airflow_provider_groq import telemetry
from airflow_provider_groq.api.models import Batch, BatchStatus
from airflow_provider_groq.batches.outcome import batch_problem
from airflow_provider_groq.jobs.records import Error, RowRecord
from airflow_provider_groq.jobs.results import unanswered
from airflow_provider_groq.jobs.results.harvest import becomes_without_line, harvest
from airflow_provider_groq.jobs.results.summary import Summary
from airflow_provider_groq.jobs.spools.shards import Shard
from airflow_provider_groq.operators.job.journal import RoundJournal
from airflow_provider_groq.operators.job.round import Round
from airflow_provider_groq.storage.results import downloaded

NOT_SENT: Mapping[str, str] = {
    "canary": "The canary failed, so this row was not sent.",
    "cost": "The job was projected to cost more than max_cost, so this row was not sent.",
    "deadline": "The job's deadline passed before this row was sent.",
}
"""What is said of rows that no batch was made for, by why."""


def keep(round_: Round, ended: Mapping[int, Batch | None]) -> None:
    """Keep an answer to each row of a round.

    Args:
        round_: The round.
        ended: For each shard its batch, which has ended; None if none was made.

    Raises:
        GroqNotFoundError: A result file is gone.
        GroqBatchResultsPendingError: A batch promises a result file that is not there yet.
        GroqResponseError: A batch promises more answers than there are.
    """
    why = RoundJournal(round_).why_stopped if None in ended.values() else None
    not_sent = Error("not_sent", None, NOT_SENT["deadline" if why is None else why.reason])
    for shard, kept in zip(round_.seal.shards, round_.kept_files(), strict=True):
        with round_.job.in_work():
            if kept.exists():
                continue
            batch = ended[shard.number]
            summary = kept.write(
                partial(_not_sent, round_, shard, not_sent) if batch is None else partial(_ended, round_, shard, batch)
            )
        if batch is not None:
            telemetry.ended(round_.job.operator.groq_conn_id, batch)
            telemetry.tokens(round_.job.operator.groq_conn_id, summary.tokens)


def _not_sent(round_: Round, shard: Shard, why: Error, sink: BinaryIO) -> Summary:
    """Write the answers of a shard that no batch was made for."""
    records = round_.requests.records(shard)
    return unanswered.write(records, sink, status="not_sent", error=why, batch_id=None, round=round_.number)


def _ended(round_: Round, shard: Shard, batch: Batch, sink: BinaryIO) -> Summary:
    """Write the answers of a shard whose batch has ended."""
    job = round_.job
    records = round_.requests.records(shard)
    if batch.status == BatchStatus.FAILED and not (batch.output_file_id or batch.error_file_id):
        first = batch.errors[0] if batch.errors else None
        error = Error(
            (first and first.code) or "batch_failed", None, (first and first.message) or str(batch_problem(batch))
        )
        job.operator.log.warning("%s", batch_problem(batch))
        return unanswered.write(records, sink, status="failed", error=error, batch_id=batch.id, round=round_.number)
    return _harvested(round_, records, batch, sink)


def _harvested(round_: Round, records: Iterable[RowRecord], batch: Batch, sink: BinaryIO) -> Summary:
    job = round_.job
    validate = None if job.output_type is None else job.output_type.validate
    way_out = (
        f"To resend its rows, delete the work folder {job.work.path} and clear the task; you then pay again for "
        "all rows whose answers have not been landed."
    )
    with downloaded(job.hook, batch, way_out=way_out) as files:
        found = harvest(
            records,
            files,
            sink,
            batch_id=batch.id,
            status_without_line=becomes_without_line(batch),
            round=round_.number,
            validate=validate,
        )
    found.check(batch)
    if said := found.left_out(batch):
        job.operator.log.warning("%s", said)
    return found.summary
