"""The partitions that a job lands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_groq.answers import read_answers
from airflow_provider_groq.batches.partitions import PartitionProblem
from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.jobs.partitions import Partitions
from airflow_provider_groq.jobs.records import Request
from airflow_provider_groq.operators import outlets
from airflow_provider_groq.operators.job.job_run import JobRun


def checked(job: JobRun, requests: Iterable[Request]) -> Iterable[Request]:
    """Give the requests of a job; where a column names the partition of each, only those of which it is known.

    Raises:
        GroqInputError: That of a row cannot be known; names the row.
    """
    column = job.operator.asset_partition_column
    return requests if column is None else Partitions(column).checked(requests)


def partitions_of(job: JobRun, manifest: Mapping[str, Any]) -> list[str]:
    """The partitions of the answers that a job has landed.

    Those that a column names are read from the answers: what an earlier try has landed is there too.

    Raises:
        GroqInputError: The answers have no such column: another one was named when the rows were read.
    """
    column = job.operator.asset_partition_column
    if column is None:
        return outlets.partitions_of(job.operator)
    partitions = Partitions(column)
    for answer in read_answers(manifest):
        try:
            partitions.add(answer.input)
        except PartitionProblem as problem:
            raise GroqInputError(
                f"Row {answer.index:,} (counted from 0) {problem}. The answers have been landed under {job.output}. "
                "Was asset_partition_column changed after the rows were read? Clear the task: you do not pay again for "
                "answered rows."
            ) from None
    return sorted(partitions.keys)
