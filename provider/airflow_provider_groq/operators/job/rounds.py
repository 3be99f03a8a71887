"""One round of a job after another, until no row is left to send."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import accumulate, chain

from msgspec.structs import replace

from airflow_provider_groq import telemetry
from airflow_provider_groq.jobs.results.merge import Merged
from airflow_provider_groq.jobs.results.outcomes import is_sent_again
from airflow_provider_groq.jobs.seals import JobSeal, RoundSeal, Stop
from airflow_provider_groq.jobs.spools.override import overridden
from airflow_provider_groq.jobs.spools.spool import Spool
from airflow_provider_groq.jobs.work_folder import SpoolFolder
from airflow_provider_groq.operators.job import answers, apart, batches, canary, known
from airflow_provider_groq.operators.job.job_run import JobRun
from airflow_provider_groq.operators.job.journal import RoundJournal
from airflow_provider_groq.operators.job.kept import kept_answers, known_answers, not_good, sent_rows
from airflow_provider_groq.operators.job.round import Round
from airflow_provider_groq.operators.job.spooling import shards_of, spooled


def complete(job: JobRun, seal: JobSeal, *, deferred: bool = False) -> None:
    """Send the rows, wait for them and keep the answers, round by round.

    Args:
        job: The job.
        seal: Its seal.
        deferred: Whether this try has waited in the triggerer: it then resumes what is its own.

    Raises:
        TaskDeferred: The task resumes after the trigger has fired.
    """
    folder = job.work.spool(seal.spool)
    rounds = _sealed_rounds(job, folder)
    if rounds and not deferred and not job.this.first:
        _tell_resumed(rounds[-1])
    if not rounds:
        for name in seal.previous:
            for round_ in _sealed_rounds(job, job.work.spool(name)):
                _give_up(round_)
        rounds = [_first(job, seal, folder)]
    following: Round | None = _renewed(job, seal, rounds[-1])
    while following is not None:
        if not following.is_answered():
            canary.let_pass(following, rounds)
            answers.keep(following, batches.completed(following))
        following = _next(job, seal, rounds)
        if following is not None:
            rounds.append(following)


def _tell_resumed(last: Round) -> None:
    """Tell how many recorded batches of an earlier try this one resumes."""
    if not last.is_answered():
        telemetry.resumed(last.job.operator.groq_conn_id, len(RoundJournal(last).batch_ids()))


def _sealed_rounds(job: JobRun, folder: SpoolFolder) -> list[Round]:
    with job.in_work():
        return [Round(job, folder, sealed) for sealed in folder.rounds()]


def _renewed(job: JobRun, seal: JobSeal, round_: Round) -> Round:
    """The round with the time that a clear has given the job; the deadline of its seal is that of before."""
    if round_.seal.generation == seal.generation:
        return round_
    each = job.operator.round_seconds()
    deadline, seconds = seal.deadline or seal.sealed_at + each, None if seal.deadline else each
    return Round(job, round_.folder, replace(round_.seal, deadline=deadline, seconds=seconds))


def _give_up(round_: Round) -> None:
    """End a round of rows that are not wanted any more, and keep what was answered in it."""
    if not round_.is_answered():
        answers.keep(round_, batches.given_up(round_))


def _first(job: JobRun, seal: JobSeal, folder: SpoolFolder) -> Round:
    """Seal the first round: all rows but those that are answered already."""
    with job.in_work():
        before = known.sources(job, seal.previous)
        first = apart.unanswered(job, folder, Spool.read(folder.path), before, dedupe=seal.dedupe)
        first_alone = canary.is_needed(job, [known_answers(first.requests.folder)], rows=seal.rows)
    return _seal(job, seal, [], folder, first.requests, first_alone=first_alone)


def _next(job: JobRun, seal: JobSeal, rounds: list[Round]) -> Round | None:
    """Seal the round after these, if one is needed."""
    mine = [round_ for round_ in rounds if round_.seal.generation == seal.generation]
    if len(mine) >= job.operator.max_rounds or RoundJournal(rounds[-1]).why_stopped is not None:
        return None
    if (seal.deadline or float("inf")) <= time.time():
        _tell_what_is_left(job, rounds[-1])
        return None
    folder, number = rounds[-1].folder, rounds[-1].number + 1
    override = job.operator.override(len(mine) + 1)
    with job.in_work():
        if mine:
            chosen = _failed(rounds[-1], changed=override != job.operator.override(len(mine)))
        else:  # the task was cleared since the last round: all that is not good is resent
            merged = sent_rows(rounds, rows=seal.rows)
            heads = (row.best.head for row in merged if isinstance(row, Merged))  # the others are whole
            chosen = (head.index for head in heads if head.status != "succeeded")
        first = next(chosen, None)
        if first is None:
            return None
        again = Spool.read(folder.path).pick(chain([first], chosen))
        requests = spooled(
            job,
            folder.new_round(number),
            ((record.index, overridden(record, line, override)) for record, line in again),
        )
        job.operator.log.info(
            "Round %d: resending %s of %s rows%s.",
            number,
            f"{requests.index.rows:,}",
            f"{seal.rows:,}",
            f", with {override}" if override else "",
        )
        kept = kept_answers(rounds).values()
        first_alone = not mine and canary.is_needed(job, kept, rows=seal.rows)
    return _seal(job, seal, rounds, folder, requests, first_alone=first_alone)


def _tell_what_is_left(job: JobRun, last: Round) -> None:
    """Say what the deadline has kept from being sent."""
    with job.in_work():
        heads = [head for head in not_good(last) if head.status != "succeeded"]
    not_sent = sum(head.status == "not_sent" for head in heads)
    cancelled = sum(head.status == "cancelled" for head in heads)
    again = sum(is_sent_again(head, changed=False) for head in heads)
    message = (
        f"The job's deadline has passed: {not_sent:,} rows were not sent, {cancelled:,} were cancelled, and {again:,} "
        "that failed were not resent. Clear the task to send them."
    )
    if heads:
        job.operator.log.warning("%s", message)
    RoundJournal(last).stop_after(Stop("deadline", message, job.generation))


def _failed(round_: Round, *, changed: bool) -> Iterator[int]:
    """The rows of a round that are resent."""
    for kept in round_.kept_files():
        yield from kept.summary().sent_again(changed=changed)


def _seal(
    job: JobRun,
    seal: JobSeal,
    before: list[Round],
    folder: SpoolFolder,
    requests: Spool,
    *,
    first_alone: bool,
) -> Round:
    """Seal a round, and return what is sealed."""
    operator = job.operator
    shards = shards_of(job, requests, first_alone=first_alone)
    ends = accumulate(shard.rows for shard in shards)
    canary_shards = sum(end <= requests.index.canary for end in ends) if first_alone else 0
    sealed = RoundSeal(
        number=len(before) + 1,
        generation=seal.generation,
        requests="" if requests.folder == folder.path else requests.folder.name,
        shards=shards,
        canary=canary_shards,
        follows=RoundJournal(before[-1]).batch_ids() if before else [],
        sealed_at=time.time(),
        deadline=seal.deadline or time.time() + operator.round_seconds(),
        seconds=None if seal.deadline else operator.round_seconds(),
    )
    job.fence()
    with job.in_work():
        folder.write_round(sealed)
        return Round(job, folder, folder.round(sealed.number) or sealed)
