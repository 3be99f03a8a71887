"""Answers, read as a stream: those of a job, and those of a batch that were downloaded.

``read_answers`` takes the return value of the upstream task, or the folder that it wrote to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_groq.jobs.output.answer import Answer
from airflow_provider_groq.jobs.records import Error

if TYPE_CHECKING:
    from os import PathLike

    from airflow.sdk import ObjectStoragePath

__all__ = ["Answer", "Error", "read_answers"]


def read_answers(
    source: Mapping[str, Any] | str | PathLike[str] | ObjectStoragePath, as_type: Any = None
) -> Iterator[Answer]:
    """Read the answers of a job, or of a batch that was downloaded, one at a time.

    The answers of a job come in the order of its rows. Those of a download come in the order of its files, first
    ``output.jsonl``, then ``errors.jsonl``; of lines with the same ``custom_id`` the first counts.

    Args:
        source: The manifest that `GroqBatchInferenceOperator`, ``@task.groq_batch`` or
            `GroqDownloadBatchResultsOperator` returned; or the folder that it wrote to, or the ``manifest.json`` in
            it, on local disk or any object storage that Airflow supports.
        as_type: What pydantic's ``TypeAdapter`` takes, such as a model. The output of each answer that succeeded is
            validated as this type; if it is text that does not fit, the JSON in the text is validated. If that does
            not fit either, the answer's status is ``invalid_output``, and its output is unchanged.

    Returns:
        The answers. Only one is in memory at a time, and, for a download, the earlier ids.

    Raises:
        GroqInputError: There is no output, a file of it is missing or was cut off, or another job has replaced it.
        GroqStorageError: The storage is unreachable.
    """
    # A Dag file imports this module: what reads files is loaded when there is something to read.
    from airflow_provider_groq.storage.answer_files import read  # noqa: PLC0415

    return read(source, as_type)
