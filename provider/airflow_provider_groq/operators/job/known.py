"""Answers that were there before a job's first round: of before a clear, and of outputs that the job reuses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from airflow_provider_groq.exceptions import GroqStorageError
from airflow_provider_groq.jobs.answer_lines import Writer
from airflow_provider_groq.jobs.files import replacing
from airflow_provider_groq.jobs.known import KnownAnswers, answer_for
from airflow_provider_groq.jobs.override import overridden
from airflow_provider_groq.jobs.records import Request
from airflow_provider_groq.jobs.seals import task_of
from airflow_provider_groq.jobs.spool import Spool
from airflow_provider_groq.jobs.work_folder import SpoolFolder
from airflow_provider_groq.operators.job.job_run import JobRun
from airflow_provider_groq.operators.job.kept import KNOWN
from airflow_provider_groq.operators.job.reuse import ARGUMENT, outputs, parts_of
from airflow_provider_groq.operators.job.round import Round
from airflow_provider_groq.operators.job.spooling import spooled
from airflow_provider_groq.storage.paths import make_folder, storage_errors


class Source(NamedTuple):
    """A file of answers.

    Attributes:
        path: Where it lies.
        origin: The output that it is part of, if that is reused; None if the answers are of this very task instance.
    """

    path: Any
    origin: str | None = None


class First(NamedTuple):
    """What a job's first round is made of.

    Attributes:
        requests: What is sent.
        reused: How many rows are answered already.
        duplicates: How many rows ask what another one asks that is sent.
    """

    requests: Spool
    reused: int = 0
    duplicates: int = 0


def sources(job: JobRun, previous: Sequence[str]) -> list[Source]:
    """Where there are answers to a job's rows already: its own before those that it reuses.

    Args:
        job: The job.
        previous: The spools of the generations before.

    Raises:
        GroqInputError: An output is not there, or not whole.
    """
    found = [Source(path) for path in _own(job, previous)] if job.operator.reattach else []
    known = {str(source.path) for source in found}
    for output in outputs(job):
        for path in output.parts:
            if str(path) not in known:  # an output that reuses itself may have been cleared too
                known.add(str(path))
                found.append(Source(path, output.origin))
    return found


def unanswered(job: JobRun, folder: SpoolFolder, base: Spool, before: Sequence[Source]) -> First:
    """Keep the answers of rows that are answered already, and give the requests of the others.

    Answers are kept beside the requests of the others, in a folder that no other try has: what the seal of the round
    names is what this try found.

    Args:
        job: The job.
        folder: Of the job's requests.
        base: The job's requests.
        before: Where there are answers already.

    Returns:
        What is to be sent: the requests of the job itself if none was answered.
    """
    if not before:
        return First(base)
    path = folder.new_round(1)
    make_folder(path)
    counts: Counter[str | None] = Counter()
    with KnownAnswers() as answers, replacing(path / KNOWN) as sink:
        for source in before:
            _add(answers, source)
        kept = Writer(sink)

        def others() -> Iterator[tuple[int, Request]]:
            for record, line in base.all():
                found = answers.lookup(record.digest)
                if found is None:
                    yield record.index, overridden(record, line, {})
                else:
                    counts[found.origin] += 1
                    kept.add(answer_for(record, found))

        requests = spooled(job, path, others())
        kept.flush()
    _tell(job, base, counts)
    return First(requests, counts.total()) if counts else First(base)


def _own(job: JobRun, previous: Sequence[str]) -> Iterator[Any]:
    """The files of answers to rows of this task instance, of generations before."""
    for name in previous:
        before = job.work.spool(name)
        rounds = [Round(job, before, sealed) for sealed in before.rounds()]
        for path in (path for round_ in rounds for path in (round_.path / KNOWN, *round_.answer_paths())):
            if path.exists():
                yield path
    manifest = job.landed()
    if manifest is not None and task_of(manifest) == job.task:
        yield from parts_of(manifest, job.output, "output_path")


def _add(answers: KnownAnswers, source: Source) -> None:
    with storage_errors("output_path" if source.origin is None else ARGUMENT, source.path):
        try:
            answers.add(source.path, source.origin)
        except FileNotFoundError as error:
            raise GroqStorageError(
                f"{source.path} was there, and is gone: another job has replaced that output. Retry the task."
            ) from error


def _tell(job: JobRun, base: Spool, counts: Counter[str | None]) -> None:
    found = [
        f"{count:,} {'before the task was cleared' if origin is None else f'in {origin}'}"
        for origin, count in counts.items()
    ]
    job.operator.log.info(
        "%s of %s rows are answered already, and are not sent%s.",
        f"{counts.total():,}",
        f"{base.index.rows:,}",
        f": {', '.join(found)}" if found else "",
    )
