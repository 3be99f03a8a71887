"""The result files of a batch, as local files that are read and forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import gettempdir
from typing import BinaryIO

from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.batches.outcome import batch_problem, results_pending
from airflow_provider_groq.hooks.errors import retry_not_found
from airflow_provider_groq.hooks.groq import GroqHook
from airflow_provider_groq.jobs.temporary import temporary_file
from airflow_provider_groq.storage.paths import storage_errors

PURPOSE = "result files are kept"


@contextmanager
def downloaded(hook: GroqHook, batch: Batch) -> Iterator[list[BinaryIO]]:
    """Download the output and the error file of a batch that has ended, as far as it has them.

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
                retry_not_found(hook.download_file, file_id, file)
                file.flush()
        yield [file for file, _ in files]
