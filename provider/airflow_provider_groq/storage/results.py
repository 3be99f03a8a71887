"""The result files of a batch, as local files that are read and forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import gettempdir
from typing import BinaryIO

from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.batches.outcome import batch_problem, results_pending
from airflow_provider_groq.exceptions import GroqNotFoundError
from airflow_provider_groq.hooks.errors import retry_not_found
from airflow_provider_groq.hooks.groq import GroqHook
from airflow_provider_groq.jobs.temporary import temporary_file
from airflow_provider_groq.storage.paths import storage_errors

PURPOSE = "result files are kept"

ANEW = "To get its answers again, create a new batch; you then pay for its requests again."
"""What can be done about a result file that is gone."""


def download_result(hook: GroqHook, batch: Batch, file_id: str, sink: BinaryIO, *, way_out: str = ANEW) -> int:
    """Download a result file of a batch into an open file, and return its size.

    Args:
        hook: Groq.
        batch: The batch, which has ended.
        file_id: The file.
        sink: The open file.
        way_out: What can be done if the file is gone, for the error.

    Raises:
        GroqNotFoundError: The file is gone.
        GroqError: It could not be downloaded.
    """
    try:
        return retry_not_found(hook.download_file, file_id, sink)
    except GroqNotFoundError as error:
        raise GroqNotFoundError(
            f"Groq no longer has file {file_id} with results of batch {batch.id}: it was deleted, or is older than 30 "
            f"days, for which Groq keeps files. {way_out}",
            status_code=error.status_code,
            type=error.type,
            code=error.code,
        ) from error


@contextmanager
def downloaded(hook: GroqHook, batch: Batch, *, way_out: str = ANEW) -> Iterator[list[BinaryIO]]:
    """Download the output and the error file of a batch that has ended, as far as it has them.

    Args:
        hook: Groq.
        batch: The batch.
        way_out: What can be done if a file is gone, for the error.

    Yields:
        The files, open for reading, until the ``with`` block ends.

    Raises:
        GroqBatchResultsPendingError: The batch promises a result file that is not there yet.
        GroqNotFoundError: A result file is gone.
        GroqStorageError: There is no room for them on this machine.
    """
    problem = batch_problem(batch)
    if problem is not None and results_pending(batch):
        raise problem
    with temporary_file(PURPOSE) as output, temporary_file(PURPOSE) as errors:
        files = [
            (file, file_id)
            for file, file_id in ((output, batch.output_file_id), (errors, batch.error_file_id))
            if file_id
        ]
        with storage_errors("The folder for temporary files", gettempdir(), write=True):
            for file, file_id in files:
                download_result(hook, batch, file_id, file, way_out=way_out)
                file.flush()
        yield [file for file, _ in files]
