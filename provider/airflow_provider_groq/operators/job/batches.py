"""The batches of a round: created once, awaited together, and created again if they failed for a transient cause."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from airflow_provider_groq import telemetry
from airflow_provider_groq.api.models import Batch, BatchStatus
from airflow_provider_groq.api.text import counted
from airflow_provider_groq.batches.events import WaitEnd
from airflow_provider_groq.batches.options import CANCEL_SECONDS
from airflow_provider_groq.batches.outcome import batch_problem, failed_for_transient_cause, nothing_succeeded
from airflow_provider_groq.exceptions import GroqBatchUnknownError, GroqError, GroqJobError, TaskStoppedError
from airflow_provider_groq.jobs.spools.shards import Shard
from airflow_provider_groq.operators import waiting
from airflow_provider_groq.operators.job import strays
from airflow_provider_groq.operators.job.cancels import cancel_running, give_up
from airflow_provider_groq.operators.job.job_run import JobRun
from airflow_provider_groq.operators.job.journal import RoundJournal
from airflow_provider_groq.operators.job.round import Round
from airflow_provider_groq.storage.inputs import Input
from airflow_provider_groq.submission.submit import Submission
from airflow_provider_groq.triggers.deferral import defer

MOST_ATTEMPTS = 3
"""How often a shard is sent whose batch fails for a transient cause. An attempt is no round: nothing ran, mostly."""

PAUSES = (10.0, 60.0)
"""Seconds before the second and the third attempt."""


def completed(round_: Round) -> dict[int, Batch | None]:
    """Have a batch for each shard of a round, and wait until all have ended.

    Returns:
        The batch of each shard; None where none was made because the deadline passed first.

    Raises:
        TaskDeferred: The task resumes after the trigger has fired.
        GroqLookupError: It is not known whether there is a batch already; nothing was sent.
        GroqJobError: The deadline passed, and the batches are not to be cancelled, or do not end.
    """
    journal = RoundJournal(round_)
    while True:
        submission = _found(round_, journal)
        if not _is_over(journal):
            _make(round_, journal, submission)
        ended = _awaited(round_, journal)
        again = [] if _is_over(journal) else _failed_attempts(round_, journal, ended)
        if not again:
            return {shard.number: ended.get(journal.batch_id(shard)) for shard in round_.seal.shards}
        pause = PAUSES[max(journal.attempt(shard) for shard in again) - 1]
        failed = [ended[journal.batch_id(shard)] for shard in again]
        for batch in failed:
            round_.job.operator.log.warning("%s", batch_problem(batch))
        round_.job.operator.log.info("Recreating %s in %g s.", counted(len(again), "batch", "batches"), pause)
        round_.job.guard.sleep(pause)
        journal.try_again(again)
        for batch in failed:
            telemetry.ended(round_.job.operator.groq_conn_id, batch)


def given_up(round_: Round) -> dict[int, Batch | None]:
    """Cancel what runs of a round that is not wanted any more, and wait until all of it has ended."""
    journal = RoundJournal(round_)
    _found(round_, journal)
    if journal.stopped_at is None:
        give_up(round_.job, journal)
    ended = _awaited(round_, journal)
    return {shard.number: ended.get(journal.batch_id(shard)) for shard in round_.seal.shards}


def _is_over(journal: RoundJournal) -> bool:
    return journal.stopped_at is not None or time.time() >= journal.deadline


def _found(round_: Round, journal: RoundJournal) -> Submission | None:
    """Find the batches that an earlier try made without writing them down.

    Returns:
        The submission of the shards that were not known to have one; None if there were none.
    """
    unknown = [journal.claim(shard) for shard in round_.seal.shards if not journal.batch_id(shard)]
    submission = None
    if unknown:
        submission = Submission(
            round_.job.hook,
            unknown,
            journal=journal,
            guard=round_.job.guard,
            first_try=round_.job.this.first,
            since=round_.seal.sealed_at,
            resumable=_is_resumable,
            check_others=partial(strays.check, round_.job),
        )
        submission.find()
    _watch(round_, journal)
    return submission


def _is_resumable(batch: Batch, _: float) -> bool:
    """Whether a shard keeps a batch."""
    return not _failed_unpaid(batch)


def _failed_unpaid(batch: Batch) -> bool:
    return batch.status == BatchStatus.FAILED and nothing_succeeded(batch)


def _make(round_: Round, journal: RoundJournal, submission: Submission | None) -> None:
    """Make the batches that are not there yet."""
    lacking = {journal.claim(shard): shard for shard in round_.seal.shards if not journal.batch_id(shard)}
    if submission is None or not lacking:
        return
    began = time.monotonic()
    operator = round_.job.operator
    try:
        submission.create(
            {claim: _input(round_, shard) for claim, shard in lacking.items()},
            endpoint=operator.endpoint,
            completion_window=operator.completion_window,
            metadata=operator.metadata,
        )
    except GroqError as error:
        if submission.failed is not None and not isinstance(error, TaskStoppedError):
            _name_shard(error, round_, journal, lacking[submission.failed])
        raise
    _watch(round_, journal)
    rows = sum(shard.rows for shard in lacking.values())
    operator.log.info(
        "Round %d: sent %s in %s, in %.1f s.",
        round_.number,
        counted(rows, "row", "rows"),
        counted(len(lacking), "batch", "batches"),
        time.monotonic() - began,
    )


def _name_shard(error: GroqError, round_: Round, journal: RoundJournal, shard: Shard) -> None:
    """Let an error say which of several batches could not be created, what happened to the others, and what to do."""
    shards = round_.seal.shards
    if len(shards) == 1:
        return
    made = sum(map(journal.is_sent, shards))
    then = "The next try" if error.retryable else "Fix the cause and clear the task: it"
    others = (
        f"Created so far in this round: {counted(made, 'batch', 'batches')}, which this error does not cancel. {then} "
        "resumes them and creates the others, and pays for none twice."
        if made
        else f"No batch of this round was created. {then} creates them."
    )
    said = (
        f"The batch of shard {shard.number} (counted from 0) of {len(shards)}, with {shard.rows:,} rows, could not be "
        f"created: {error} {others}"
    )
    error.args = (said, *error.args[1:])


def _watch(round_: Round, journal: RoundJournal) -> None:
    batch_ids = journal.batch_ids()
    round_.job.operator.lineage.note_ids(batch_ids, round=round_.number)
    for batch_id in batch_ids:
        round_.job.guard.watch(batch_id)
    round_.job.guard.check()
    if batch_ids:
        waiting.link(round_.job.operator, round_.job.context, batch_ids[0])


def _input(round_: Round, shard: Shard) -> Input:
    """A shard as the input of a batch, read from the work folder when it is uploaded."""

    def upload(name: str) -> str:
        with round_.job.in_work(), round_.requests.section(shard) as file:
            return round_.job.hook.upload_file(file, filename=name).id

    return Input(shard.digest, round_.job.operator.task_id, shard.bytes, upload)


def _failed_attempts(round_: Round, journal: RoundJournal, ended: Mapping[str | None, Batch]) -> list[Shard]:
    """The shards whose batch failed for a transient cause without an answer, and may be created again."""
    return [
        shard
        for shard in round_.seal.shards
        if journal.attempt(shard) < MOST_ATTEMPTS
        and (batch := ended.get(journal.batch_id(shard))) is not None
        and _failed_unpaid(batch)
        and failed_for_transient_cause(batch)
    ]


def _awaited(round_: Round, journal: RoundJournal) -> dict[str | None, Batch]:
    """The batches of a round, by id, when all have ended: in the worker for a while, then deferred."""
    job, batch_ids = round_.job, journal.batch_ids()
    job.last_seen.begin(batch_ids, round=round_.number)
    all_told = journal.stopped_at is None or not cancel_running(job, batch_ids)
    if not all_told:
        journal.stop(time.time())  # they were not cancelled before, so their time to end begins now
    while batch_ids:
        now = time.time()
        end_time = journal.deadline if journal.stopped_at is None else journal.stopped_at + CANCEL_SECONDS
        in_slices = job.operator.deferrable or not all_told
        here_until = min(end_time, now + waiting.WATCH_SECONDS) if in_slices else end_time
        ends = _ends(round_, batch_ids, max(here_until, now + 1))
        late = [end.batch_id for end in ends if end.reason == "timeout"]
        if not late:
            return _ended(job, ends)
        if here_until < end_time:
            all_told = all_told or not cancel_running(job, late)
            if all_told and job.operator.deferrable:
                _defer(round_, late, end_time)
            continue
        _check_cancels(job, journal, late)
        job.operator.log.warning(
            "The job's deadline has passed: cancelling %s.", counted(len(late), "batch", "batches")
        )
        give_up(job, journal)
        cancel_running(job, late)
        all_told = False
    return {}


def _check_cancels(job: JobRun, journal: RoundJournal, late: Sequence[str]) -> None:
    """Check that batches that have not ended in time are to be cancelled, and have not been.

    Raises:
        GroqJobError: They are not to be, or have been.
    """
    if journal.stopped_at is not None:
        raise GroqJobError(
            f"{counted(len(late), 'batch', 'batches')} did not end within {CANCEL_SECONDS / 60:g} minutes of being "
            f"cancelled, such as {late[0]}. Clear the task later: it cancels what still runs, and lands the rest."
        )
    if not job.operator.cancel_on_timeout:
        raise GroqJobError(
            f"The job's deadline passed, and {counted(len(late), 'batch', 'batches')} had not ended, such as "
            f"{late[0]}. {'It keeps' if len(late) == 1 else 'They keep'} running at Groq "
            "(cancel_on_timeout=False), and nothing was landed. Clear the task to resume."
        )


def _ends(round_: Round, batch_ids: list[str], end_time: float) -> list[WaitEnd]:
    """How the waits for batches ended until some time, in the worker."""
    job = round_.job

    def sleep(seconds: float) -> None:
        job.last_seen.write()
        job.guard.sleep(seconds)

    def forget(end: WaitEnd) -> None:
        if end.reason == "terminal":  # else it may run on, and a kill concerns it
            job.guard.forget(end.batch_id)

    ends = job.hook.wait_for_batches(
        batch_ids,
        end_time=end_time,
        poll_interval=job.operator.poll_interval,
        sleep=sleep,
        total_rows=round_.rows,
        say=job.operator.log.log,
        on_end=forget,
        on_poll=job.last_seen.saw,
    )
    job.guard.check()
    return ends


def _ended(job: JobRun, ends: Iterable[WaitEnd]) -> dict[str | None, Batch]:
    """The batches whose waits have ended.

    Raises:
        GroqBatchUnknownError: Groq refuses to return one.
    """
    job.last_seen.write(now=True)
    ended: dict[str | None, Batch] = {}
    for end in ends:
        if end.batch is None:
            raise GroqBatchUnknownError(end.message, batch_id=end.batch_id)
        ended[end.batch_id] = end.batch
        job.operator.lineage.note_batch(end.batch)
    return ended


def _defer(round_: Round, batch_ids: list[str], end_time: float) -> None:
    operator = round_.job.operator
    defer(
        operator,
        round_.job.context,
        batch_ids,
        poll_interval=operator.poll_interval,
        end_time=end_time,
        last_seen=round_.job.last_seen,
        check=round_.job.guard.check,
        cancel_on_kill=operator.cancel_on_kill,
        reattach=operator.reattach,
        brief=True,
        total_rows=round_.rows,
    )
