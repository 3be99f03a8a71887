"""Answers that were there before a job's first round: of a generation before, which a clear has ended."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from airflow_provider_groq.jobs.answer_lines import encode
from airflow_provider_groq.jobs.files import replacing
from airflow_provider_groq.jobs.known import KnownAnswers, answer_for
from airflow_provider_groq.jobs.override import overridden
from airflow_provider_groq.jobs.records import Request
from airflow_provider_groq.jobs.seals import JobSeal, task_of
from airflow_provider_groq.jobs.spool import Spool
from airflow_provider_groq.jobs.work_folder import SpoolFolder
from airflow_provider_groq.operators.job.job_run import JobRun
from airflow_provider_groq.operators.job.round import Round
from airflow_provider_groq.operators.job.spooling import spooled


def unanswered(job: JobRun, seal: JobSeal, folder: SpoolFolder, base: Spool) -> Spool | None:
    """Answer the rows that were answered before, and give the requests of the others.

    Returns:
        The requests; those of the job itself if none was answered, None if all were.
    """
    paths = list(_earlier(job, seal)) if job.operator.reattach else []
    if not paths:
        return base
    count = 0
    with KnownAnswers() as answers, replacing(folder.known) as sink:
        for path in paths:
            answers.add(path)

        def others() -> Iterator[tuple[int, Request]]:
            nonlocal count
            for record, line in base.all():
                answer = answers.lookup(record.digest)
                if answer is None:
                    yield record.index, overridden(record, line, {})
                else:
                    count += 1
                    sink.write(encode(answer_for(record, answer)))

        remaining = others()
        first = next(remaining, None)
        requests = None if first is None else spooled(job, folder.new_round(1), chain([first], remaining))
    job.operator.log.info(
        "%s of %s rows were answered before the task was cleared; the others are sent.", f"{count:,}", f"{seal.rows:,}"
    )
    return requests if count else base


def _earlier(job: JobRun, seal: JobSeal) -> Iterator[Any]:
    """The files of answers to rows of this task instance, of generations before."""
    for name in seal.previous:
        before = job.work.spool(name)
        rounds = [Round(job, before, sealed) for sealed in before.rounds()]
        for path in (before.known, *(path for round_ in rounds for path in round_.answer_paths())):
            if path.exists():
                yield path
    manifest = job.landed()
    if manifest is not None and task_of(manifest) == job.task:
        yield from (job.output / part["name"] for part in manifest["parts"])
