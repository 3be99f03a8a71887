"""Requests, spooled into the work folder."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from airflow_provider_groq.jobs.records import Request
from airflow_provider_groq.jobs.spools import writer as spool_writer
from airflow_provider_groq.jobs.spools.shards import CHUNK_ROWS, Shard
from airflow_provider_groq.jobs.spools.spool import Spool
from airflow_provider_groq.operators.job.job_run import JobRun
from airflow_provider_groq.storage.paths import make_folder, remove_folder


def spooled(job: JobRun, path: Any, requests: Iterable[tuple[int, Request]]) -> Spool:
    """Spool requests into a new folder; see `new_folder`.

    Args:
        job: The job.
        path: The folder.
        requests: With the number of its row each, in order.

    Raises:
        GroqStorageError: The storage is unreachable.
    """
    with job.in_work(), new_folder(path):
        return spool_writer.write(
            path,
            requests,
            max_bytes=job.hook.get_conn().settings.max_file_bytes,
            chunk_rows=job.operator.shard_size or CHUNK_ROWS,
            canary=job.operator.canary_rows,
        )


@contextmanager
def new_folder(path: Any) -> Iterator[None]:
    """A new folder, which goes if the block raises: no try would ever read it."""
    make_folder(path)
    try:
        yield
    except BaseException:
        drop(path)
        raise


def drop(path: Any) -> None:
    """Remove a folder of requests that nobody needs, if that can be done: another error is on its way."""
    with suppress(Exception):
        remove_folder(path)


def shards_of(job: JobRun, requests: Spool, *, first_alone: bool) -> list[Shard]:
    """The batches that are made of requests.

    Args:
        job: The job.
        requests: What is sent.
        first_alone: Whether those of the job's first rows are batches of their own.
    """
    max_bytes = job.hook.get_conn().settings.max_file_bytes
    return requests.shards(shard_size=job.operator.shard_size, max_bytes=max_bytes, canary=first_alone)
