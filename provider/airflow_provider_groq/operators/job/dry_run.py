"""A dry run: what a job would send, and what that would take. Nothing is sent, and nothing is left behind."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from tempfile import TemporaryDirectory
from typing import Any

from airflow.sdk import ObjectStoragePath

from airflow_provider_groq.jobs.money.estimate import RULE, by_model, for_xcom
from airflow_provider_groq.jobs.money.prices import in_words, total
from airflow_provider_groq.jobs.temporary import temporary_errors
from airflow_provider_groq.jobs.work_folder import WorkFolder
from airflow_provider_groq.operators.job import apart, canary, known, reuse, start
from airflow_provider_groq.operators.job.job_run import JobRun
from airflow_provider_groq.operators.job.kept import known_answers
from airflow_provider_groq.operators.job.spooling import shards_of
from airflow_provider_groq.storage.paths import storage_errors

UNKNOWN = "unknown"


@dataclass(frozen=True)
class _Scratch(JobRun):
    """The try with another work folder, which goes with it."""

    def in_work(self) -> AbstractContextManager[None]:
        """Say what is wrong with that folder."""
        return storage_errors("the folder for temporary files (TMPDIR)", self.work.path, write=True)


def estimate(job: JobRun) -> dict[str, Any]:
    """Read and check the rows as a job does, and say what it would send.

    Returns:
        What the task returns: rows, those to be sent, reused, duplicates, bytes, shards; for each model rows, bytes,
        tokens and cost; and the whole cost, None if it is not known.

    Raises:
        GroqInputError: The job would be refused: for a row, a model, or an output that it reuses.
        GroqStorageError: There is no room for the rows on this machine.
    """
    reuse.outputs(job)
    with job.in_work():
        old = job.work.seal()
    before = known.sources(job, [] if old is None else [*old.previous, old.spool])
    with temporary_errors("rows are kept"):
        folder = TemporaryDirectory(prefix="groq-dry-run-", ignore_cleanup_errors=True)
    with folder as name:
        same = {field.name: getattr(job, field.name) for field in fields(job)}
        work = WorkFolder(ObjectStoragePath(f"file://{name}"), job.task.identity)
        scratch = _Scratch(**same | {"work": work})
        base = start.spooled_rows(scratch)
        start.check_named_models(scratch, base)
        with scratch.in_work():
            first = apart.unanswered(scratch, work.spool(base.folder.name), base, before, dedupe=job.operator.dedupe)
            models = by_model(line for _, line in first.requests.all())
            first_alone = canary.is_needed(scratch, [known_answers(first.requests.folder)], rows=base.index.rows)
            shards = shards_of(scratch, first.requests, first_alone=first_alone)
    for model, found in models.items():
        if found.prompt_tokens is not None and found.completion_tokens is not None:
            found.cost = job.prices.cost(model, found.prompt_tokens, found.completion_tokens)
    told = {
        "dry_run": True,
        "rows": base.index.rows,
        "to_send": first.requests.index.rows,
        "reused": first.reused,
        "duplicates": first.duplicates,
        "bytes": sum(shard.bytes for shard in shards),
        "shards": len(shards),
        "token_rule": RULE,
        "models": for_xcom(models),
        "cost": total(found.cost for found in models.values()),
    }
    _tell(job, told)
    return told


def _tell(job: JobRun, told: dict[str, Any]) -> None:
    log = job.operator.log
    log.info(
        "Dry run: of %s rows %s would be sent, in %s batches of %s bytes in all; %s are reused, and %s are duplicates. "
        "Nothing was sent.",
        *(f"{told[name]:,}" for name in ("rows", "to_send", "shards", "bytes", "reused", "duplicates")),
    )
    for model, found in told["models"].items():
        log.info(
            "%s: %s rows, %s prompt tokens (%s), at most %s completion tokens, cost at most %s.",
            model,
            f"{found['rows']:,}",
            _number(found["prompt_tokens"]),
            RULE,
            _number(found["completion_tokens"]),
            in_words(found["cost"]),
        )


def _number(value: int | None) -> str:
    return UNKNOWN if value is None else f"{value:,}"
