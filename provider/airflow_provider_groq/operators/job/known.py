"""Where there are answers to a job's rows before its first round: of before a clear, and in outputs that it reuses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from airflow_provider_groq.jobs.apart.known import Source
from airflow_provider_groq.jobs.apart.known_files import known_files
from airflow_provider_groq.jobs.seals import task_of
from airflow_provider_groq.operators.job.job_run import JobRun
from airflow_provider_groq.operators.job.kept import has_duplicates
from airflow_provider_groq.operators.job.reuse import outputs, parts_of
from airflow_provider_groq.operators.job.round import Round
from airflow_provider_groq.storage.paths import place_of


def sources(job: JobRun, previous: Sequence[str]) -> list[Source]:
    """Where there are answers to a job's rows already: its own before those that it reuses.

    Args:
        job: The job.
        previous: The spools of the generations before, the first first.

    Raises:
        GroqInputError: An output is not there, or not whole.
    """
    own = {place_of(source.path): source for source in _own(job, previous)} if job.operator.reattach else {}
    reused = {
        place_of(path): Source(path, output.origin, is_shared=True) for output in outputs(job) for path in output.parts
    }
    for place in own.keys() & reused.keys():  # an output that reuses itself may have been cleared too
        own[place] = own[place]._replace(is_shared=True)
    return list((own | {place: source for place, source in reused.items() if place not in own}).values())


def _own(job: JobRun, previous: Sequence[str]) -> Iterator[Source]:
    """The files of answers to rows of this task instance, of generations before, the last first."""
    for name in reversed(previous):
        before = job.work.spool(name)
        rounds = [Round(job, before, sealed) for sealed in before.rounds()]
        # Rows that are not sent, since others ask the same, have no answer of their own until they are landed.
        is_shared = has_duplicates(rounds)
        for round_ in rounds:
            for kept in (*known_files(round_.path), *round_.kept_files()):
                if kept.path.exists():
                    yield Source(kept.path, None, is_shared)
    manifest = job.landed()
    if manifest is not None and task_of(manifest) == job.task:
        for path in parts_of(manifest, job.output, "output_path"):
            yield Source(path, None, is_shared=False)
