"""What is asked of a job's batches in Groq's listing: whether each was made of requests that are sealed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.batches.identity import HEX_CHARS, INPUT_KEY, ROUND_KEY
from airflow_provider_groq.batches.outcome import nothing_succeeded, results_pending
from airflow_provider_groq.exceptions import GroqLookupError
from airflow_provider_groq.jobs.attempt import Attempt
from airflow_provider_groq.operators.job.job_run import JobRun

WAY_OUT = (
    "Set work_path (or output_path) to a folder that all workers share. No batch was created. To continue without that "
    "batch, cancel it and clear the task; you then pay again for its rows."
)


def of_generation(job: JobRun, batches: Iterable[Batch]) -> Iterator[Batch]:
    """Those of a job's batches whose rows were read since the task was last cleared, but for those that cost nothing.

    Args:
        job: The job.
        batches: Batches of this task, of any generation.
    """
    for batch in batches:
        attempt = Attempt.read(batch.metadata.get(ROUND_KEY, ""))
        costs_nothing = batch.terminal and nothing_succeeded(batch) and not results_pending(batch)
        if attempt is not None and attempt.generation == job.generation and not costs_nothing:
            yield batch


def check(job: JobRun, batches: Sequence[Batch]) -> None:
    """Refuse to continue beside a batch of this job whose requests are in no seal: they are paid for, and unknown.

    Those of generations before are dealt with as a clear does it, by their seals or by what was landed of them.

    Args:
        job: The job.
        batches: Batches of this task that the listing shows.

    Raises:
        GroqLookupError: There is one.
    """
    found = list(of_generation(job, batches))
    sealed = set(_sealed(job)) if found else set()
    for batch in found:
        if (batch.metadata[ROUND_KEY].rpartition(".")[0], batch.metadata.get(INPUT_KEY)) not in sealed:
            raise GroqLookupError(
                f"Groq has batch {batch.id} ({batch.status}) of this task, but its requests are in no seal under "
                f"{job.work.path}: another try created it at the same time, perhaps on a worker that does not share "
                f"that folder. {WAY_OUT}"
            )


def _sealed(job: JobRun) -> Iterator[tuple[str, str]]:
    """Spool and round, with the digest, of each shard that has a seal."""
    with job.in_work():
        seal = job.work.seal()
        for name in [] if seal is None else [seal.spool, *seal.previous]:
            for round_ in job.work.spool(name).rounds():
                for shard in round_.shards:
                    yield f"{name}.{round_.number}", shard.digest[:HEX_CHARS]
