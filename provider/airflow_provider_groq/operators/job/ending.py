"""How a job ends: landed first, always; then cleaned up; then judged."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_groq import telemetry
from airflow_provider_groq.exceptions import GroqError, GroqJobError
from airflow_provider_groq.jobs.output import report
from airflow_provider_groq.jobs.output.manifest import Accounts, for_xcom, message
from airflow_provider_groq.jobs.output.parts import commit, remove_unlisted, small_files_opened, write_parts
from airflow_provider_groq.jobs.results.kept import WholeFile
from airflow_provider_groq.jobs.results.outcomes import too_many_failed
from airflow_provider_groq.jobs.seals import JobSeal
from airflow_provider_groq.operators import outlets
from airflow_provider_groq.operators.deleting import delete_files
from airflow_provider_groq.operators.job.job_run import JobRun
from airflow_provider_groq.operators.job.journal import RoundJournal
from airflow_provider_groq.operators.job.kept import all_rows
from airflow_provider_groq.operators.job.partitions import partitions_of
from airflow_provider_groq.operators.job.round import Round
from airflow_provider_groq.storage.paths import make_folder, remove_folder

NAME_CHARS = 12

BEFORE_A_CLEAR = {"canary": "Fix the causes", "cost": "Raise max_cost"}
"""What to do first, by the reason for which a job was stopped."""

ONLY_THE_REST = "it sends only the rows that have no good answer"


def landed(job: JobRun) -> dict[str, Any] | None:
    """What the task returns if this job has been landed already, by a try that was stopped after that.

    Raises:
        GroqJobError: Too many rows failed.
    """
    manifest = job.landed()
    if manifest is None or not job.owns(manifest):
        return None
    job.operator.log.info("An earlier try already landed the answers under %s.", job.output)
    with job.in_output():
        remove_unlisted(manifest, job.output)
    return _ended(job, manifest)


def end(job: JobRun, seal: JobSeal) -> dict[str, Any]:
    """Land the answers, clean up, and judge.

    Raises:
        GroqJobError: Too many rows failed.
    """
    with telemetry.span(telemetry.LAND, job.operator.groq_conn_id, requests=seal.rows):
        manifest = _landed(job, seal)
    telemetry.landed(job.operator.groq_conn_id, manifest["rows"])
    rows = ", ".join(f"{count:,} {name}" for name, count in manifest["rows"].items() if count)
    job.operator.log.info("Landed the answers under %s: %s.", job.output, rows)
    return _ended(job, manifest)


def _landed(job: JobRun, seal: JobSeal) -> dict[str, Any]:
    folder = job.work.spool(seal.spool)
    with job.in_work():
        rounds = [Round(job, folder, sealed) for sealed in folder.rounds()]
    accounts = Accounts()
    job.fence()
    with job.in_output():
        make_folder(job.output)
        parts = write_parts(_answers(job, seal, rounds, accounts), job.output, _name(job, seal))
        manifest = accounts.manifest(
            path=str(job.output),
            job=job.owner(),
            batches=list(_batches(rounds)),
            times={"sealed_at": seal.sealed_at, "ended_at": time.time()},
            parts=parts,
            prices=job.prices,
            stopped=_stopped(rounds),
        )
        commit(manifest, job.output)
    return manifest


def _answers(job: JobRun, seal: JobSeal, rounds: Sequence[Round], accounts: Accounts) -> Iterator[bytes | WholeFile]:
    """The answers to all rows, counted; read while the output is written, so errors say which it was."""
    with job.in_work():
        yield from small_files_opened(accounts.count(all_rows(rounds, rows=seal.rows, tell=accounts.count_usage)))


def _stopped(rounds: Sequence[Round]) -> dict[str, str] | None:
    """Why the job sent no more."""
    why = RoundJournal(rounds[-1]).why_stopped
    return None if why is None else {"reason": why.reason, "message": why.message}


def _name(job: JobRun, seal: JobSeal) -> str:
    """What the parts are named after: for the same answers the same, for others of this task another."""
    told = f"{job.task.identity} {seal.generation} {seal.spool}"
    return hashlib.sha256(told.encode()).hexdigest()[:NAME_CHARS]


def _batches(rounds: list[Round]) -> Iterator[dict[str, Any]]:
    for round_ in rounds:
        journal = RoundJournal(round_)
        for shard in round_.seal.shards:
            yield {
                "id": journal.batch_id(shard),
                "round": round_.number,
                "shard": shard.number,
                "rows": shard.rows,
            }


def _ended(job: JobRun, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Clean up after a job that has been landed, and judge it."""
    job.operator.lineage.note_job(manifest, job.operator.output_path)
    job.operator.lineage.note_storage(job.output)
    if job.operator.delete_files:
        _delete_files(job)
    if job.mark is not None:
        with job.in_output():
            remove_folder(job.mark.path)
    with job.in_work():
        remove_folder(job.work.path)
    for line in (*report.causes(manifest), *report.tokens(manifest, job.prices)):
        job.operator.log.info("%s", line)
    rows, stopped = manifest["rows"], manifest["stopped"]
    if stopped is not None and stopped["reason"] != "deadline":
        raise GroqJobError(
            f"{stopped['message']} The answers so far are under {job.output}. "
            f"{BEFORE_A_CLEAR[stopped['reason']]}, then clear the task: {ONLY_THE_REST}."
        )
    failed = rows["total"] - rows["succeeded"]
    if too_many_failed(failed, rows["total"], job.operator.max_failed_ratio) or not rows["succeeded"]:
        raise GroqJobError(
            f"{message(manifest)}. max_failed_ratio is {job.operator.max_failed_ratio:g}. "
            f"The answers are under {job.output}. Fix the causes, then clear the task: {ONLY_THE_REST}."
        )
    if failed:
        job.operator.log.warning("%s.", message(manifest))
    short = for_xcom(manifest)
    outlets.announce(job.operator, job.context, short, job.output, partitions=partitions_of(job, manifest))
    return short


def _delete_files(job: JobRun) -> None:
    """Delete the files of all batches that the job has made from Groq; what cannot be deleted is told, and stays."""
    with job.in_work():
        seal = job.work.seal()
        names = [] if seal is None else [seal.spool, *seal.previous]
        rounds = [Round(job, folder, sealed) for folder in map(job.work.spool, names) for sealed in folder.rounds()]
    files = _files_of(job, [batch_id for round_ in rounds for batch_id in RoundJournal(round_).all_ids()])
    delete_files(job.hook, *files, *_uploads(job))


def _files_of(job: JobRun, batch_ids: list[str]) -> list[str | None]:
    try:
        batches = job.hook.get_batches(batch_ids) if batch_ids else {}
    except GroqError as error:
        job.operator.log.warning(
            "The files of the job's batches could not be looked up and stay at Groq for up to 30 days: %s", error
        )
        return []
    return [
        file_id
        for batch in batches.values()
        for file_id in (batch.input_file_id, batch.output_file_id, batch.error_file_id)
    ]


def _uploads(job: JobRun) -> list[str]:
    """The input files that all tries have uploaded; one that was killed, or whose rows changed, may have used none."""
    if job.this.first:
        return []
    try:
        return [file.id for file in job.hook.list_files() if f".{job.this.identity.key}." in file.filename]
    except GroqError as error:
        job.operator.log.warning("Could not check whether earlier tries left files at Groq: %s", error)
        return []
