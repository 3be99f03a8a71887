"""How a job begins: its rows are read, checked and spooled, and then sealed. Nothing is paid before that."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from msgspec.structs import replace

from airflow_provider_groq import telemetry
from airflow_provider_groq.api.text import counted
from airflow_provider_groq.batches.identity import Claim
from airflow_provider_groq.exceptions import GroqError, GroqInputError, GroqLookupError, TaskStoppedError
from airflow_provider_groq.jobs.records import Request
from airflow_provider_groq.jobs.requests.rows import requests
from airflow_provider_groq.jobs.seals import JobSeal, task_of
from airflow_provider_groq.jobs.spools.spool import Spool
from airflow_provider_groq.jobs.work_folder import others
from airflow_provider_groq.operators.job import budget, reuse, strays
from airflow_provider_groq.operators.job.job_run import JobRun, Passed
from airflow_provider_groq.operators.job.partitions import checked
from airflow_provider_groq.operators.job.spooling import drop, spooled
from airflow_provider_groq.operators.models import check_models
from airflow_provider_groq.storage.paths import check_writable, make_folder
from airflow_provider_groq.storage.row_files import RowFiles, rows_of
from airflow_provider_groq.submission.lookup import Lookup


def sealed(job: JobRun) -> JobSeal:
    """The job as it is sealed: by an earlier try since the last clear, or now.

    Raises:
        GroqInputError: A row is wrong, or the output folder is in use; nothing was sent.
        GroqLookupError: Batches of this job are at Groq whose requests are nowhere.
    """
    _check_folders(job)
    with job.in_work():
        old = job.work.seal()
    if old is not None and old.generation == job.generation and not job.this.first:
        job.operator.log.info(
            "Resuming the job of an earlier try: %s, read by the first try, in %s.",
            counted(old.rows, "row", "rows"),
            job.work.path,
        )
        return old
    if old is None and not job.is_first_of_generation:
        _check_nothing_was_sent(job)
    reuse.outputs(job)  # what is wrong with them is said before the rows are read
    before = job.landed()
    found = spooled_rows(job)
    try:
        check_named_models(job, found)
        return _seal(job, found, old, before)
    except (GroqInputError, TaskStoppedError):
        _drop_unsealed(job, found)
        raise


def _drop_unsealed(job: JobRun, found: Spool) -> None:
    """Remove what was spooled for a job that is not to be, unless it is sealed after all."""
    with suppress(Exception):
        seal = job.work.seal()
        if seal is None or found.folder.name not in {seal.spool, *seal.previous}:
            drop(found.folder)


def check_named_models(job: JobRun, found: Spool) -> None:
    """Check that the models that the rows and ``escalate`` name are there, and have prices where they must.

    Raises:
        GroqInputError: One is not, or has none.
    """
    escalate = enumerate(job.operator.escalate or ())
    models = {str(override["model"]): number for number, override in escalate if "model" in override}
    budget.check_prices(job, found.index.first_rows)
    check_models(job.operator, job.hook, {"row": found.index.first_rows, "escalate": models})


def _check_folders(job: JobRun) -> None:
    """Find out before anything is paid whether the answers can be landed."""
    check_writable("output_path", job.operator.output_path)
    if job.operator.work_path is not None:
        check_writable("work_path", job.operator.work_path)
    manifest = job.landed()
    owner = None if manifest is None else task_of(manifest)
    if owner is not None and not job.task.replaces(owner):
        raise GroqInputError(
            f"output_path {job.output} holds the output of task {owner.task_id!r} of Dag {owner.dag_id!r} (map index "
            f"{owner.map_index}), which this task must not replace. Give each task and each mapped task instance "
            "its own folder, such as …/{{ ti.task_id }}/{{ ti.map_index }}."
        )
    _check_no_other_job(job)


def _check_no_other_job(job: JobRun) -> None:
    with job.in_output():
        for path, seal in others(job.output, job.work):
            if (seal.deadline or seal.sealed_at + _life(job)) > time.time():
                raise GroqInputError(
                    f"{path} is the work folder of another job that has not ended: run {seal.task.run_id!r} of "
                    f"task {seal.task.task_id!r} of Dag {seal.task.dag_id!r}. Two jobs cannot share output_path "
                    f"{job.output}: give each run its own folder, such as …/{{{{ ds }}}}, or wait for the other job. "
                    "If you do not need that job any more, delete that folder."
                )


def _life(job: JobRun) -> float:
    """For how long a job that has no deadline of its own counts as under way (s)."""
    return job.operator.round_seconds() * (job.operator.max_rounds + bool(job.operator.canary_rows))


def _check_nothing_was_sent(job: JobRun) -> None:
    """A try that finds no seal, though another came before it: was that on another worker?

    Raises:
        GroqLookupError: Yes.
    """
    manifest = job.landed() or {"batches": []}
    known = {batch["id"] for batch in manifest["batches"]}
    lookup = Lookup(job.hook, [Claim(job.this.identity, "")], since=job.this.since)
    found = [batch for batch in strays.of_generation(job, lookup.of_task()) if batch.id not in known]
    if found:
        raise GroqLookupError(
            f"An earlier try of this task created batch {found[0].id}, but its work folder {job.work.path} does not "
            "exist here. Did another worker write it? Set work_path (or output_path) to a folder that all workers "
            "share. Nothing was sent. To start over and pay again, clear the task."
        )


def spooled_rows(job: JobRun) -> Spool:
    """Read and check all rows, and spool their requests into the work folder.

    Raises:
        GroqInputError: A row is wrong.
        Exception: What reading them raises.
    """
    began = time.monotonic()
    max_bytes = job.hook.get_conn().settings.max_file_bytes
    try:
        rows = _rows(job)
        with telemetry.span(telemetry.CHECK, job.operator.groq_conn_id) as tell:
            made = checked(job, requests(rows, job.form(), max_bytes=max_bytes))
            found = spooled(job, job.work.new_spool(job.generation), _numbered(made))
            tell(requests=found.index.rows)
        if isinstance(rows, RowFiles):
            job.operator.lineage.note_read(rows.amounts)
            job.operator.lineage.note_storage(*job.operator.lineage.read)
    except Passed as passed:
        raise passed.error from None
    job.operator.log.info(
        "Read and checked %s in %.1f s.", counted(found.index.rows, "row", "rows"), time.monotonic() - began
    )
    return found


def _rows(job: JobRun) -> Any:
    operator = job.operator
    if operator.rows is None:
        return rows_of(operator.input_path, max_bytes=job.hook.get_conn().settings.max_file_bytes)
    return operator.rows.rows()


def _numbered(made: Iterable[Request]) -> Iterator[tuple[int, Request]]:
    try:
        yield from enumerate(made)
    except GroqError:
        raise
    except Exception as error:
        raise Passed(error) from error


def _seal(job: JobRun, found: Spool, old: JobSeal | None, before: dict[str, Any] | None) -> JobSeal:
    """Seal the job, and return what is sealed."""
    seal = _new_seal(job, found)
    if old is not None:
        seal = _following(job, seal, old)
    _check_no_other_job(job)  # one may have begun while the rows were read
    job.fence()
    with job.in_work():
        other = job.work.seal()
    # Reading the rows can take long enough for another try to begin, where Airflow cannot be asked whether one has.
    if other is not None and other.generation == job.generation and other != old:
        return other
    landed = job.landed()
    if job.owns(landed) and landed != before:
        raise TaskStoppedError("Another try of this task landed the job while this try read its rows.")
    if job.mark is not None:
        with job.in_output():
            make_folder(job.mark.path)
            job.mark.write_seal(seal)
    with job.in_work():
        job.work.write_seal(seal)
        sealed = job.work.seal()
    try:
        _check_no_other_job(job)  # of two that seal at the same moment, at least one sees the other
    except GroqInputError:
        if sealed == seal:
            _take_back(job, old)
        raise
    if sealed is None or sealed.generation != job.generation:
        raise GroqLookupError(f"Another try sealed the job in {job.work.path} at the same time. Retry the task.")
    return sealed


def _take_back(job: JobRun, old: JobSeal | None) -> None:
    """Put the seal of before, or none, in the place of the one that was written."""
    with job.in_work():
        job.work.take_back(old)
    if job.mark is not None:
        with job.in_output():
            job.mark.take_back(old)


def _new_seal(job: JobRun, found: Spool) -> JobSeal:
    timeout = job.operator.timeout
    return JobSeal(
        task=job.task,
        spool=found.folder.name,
        digest=found.index.digest,
        rows=found.index.rows,
        generation=job.generation,
        sealed_at=time.time(),
        deadline=None if timeout is None else time.time() + timeout,
        dedupe=job.operator.dedupe,
        read=job.operator.lineage.read,
        accounts=job.operator.lineage.accounts,
    )


def _following(job: JobRun, seal: JobSeal, old: JobSeal) -> JobSeal:
    """The seal of a job whose task was cleared."""
    before = [*old.previous, old.spool]
    if not job.operator.reattach:
        job.operator.log.info("The task was cleared, and reattach is False: all rows are sent.")
        return replace(seal, previous=before)
    if (old.digest, old.dedupe) != (seal.digest, seal.dedupe):
        what = "its rows have changed" if old.digest != seal.digest else f"dedupe is {seal.dedupe}"
        job.operator.log.info("The task was cleared, and %s. Rows with an answer are not resent.", what)
        return replace(seal, previous=before)
    job.operator.log.info("The task was cleared, and its rows are the same: resuming the job.")
    return replace(seal, spool=old.spool, previous=old.previous)
