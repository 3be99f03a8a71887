"""What the end of a batch means for the task that waited for it."""

from __future__ import annotations

from airflow_provider_groq.api.models import Batch, BatchStatus
from airflow_provider_groq.batches.events import WaitEnd
from airflow_provider_groq.exceptions import (
    GroqBatchCancelledError,
    GroqBatchError,
    GroqBatchExpiredError,
    GroqBatchFailedError,
    GroqBatchRequestsError,
    GroqBatchTimeoutError,
    GroqBatchUnknownError,
)

SHOWN_ERRORS = 5


def describe(batch: Batch) -> str:
    """One line for the log: status and progress."""
    counts = batch.request_counts
    line = f"Batch {batch.id}: {batch.status}"
    if counts.total:
        share = counts.done / counts.total
        line += f", {counts.done:,} of {counts.total:,} requests done ({share:.0%}), {counts.failed:,} failed"
    return f"{line}."


def duration(seconds: float) -> str:
    """A number of seconds, for people."""
    for unit, size in (("days", 86_400.0), ("h", 3_600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:,.0f} s"


def problem(end: WaitEnd, *, fail_on_partial_error: bool = False) -> GroqBatchError | None:
    """What is wrong with how a wait ended; None if the batch is good.

    A batch is good if it completed or expired with at least one request that succeeded; with
    ``fail_on_partial_error``, only if it completed and every request did.
    """
    if end.reason == "timeout":
        return GroqBatchTimeoutError(end.message, batch_id=end.batch_id)
    if end.reason == "unknown" or end.batch is None:
        return GroqBatchUnknownError(end.message, batch_id=end.batch_id)
    return batch_problem(end.batch, fail_on_partial_error=fail_on_partial_error)


def batch_problem(batch: Batch, *, fail_on_partial_error: bool = False) -> GroqBatchError | None:
    """What is wrong with a batch that has ended, as in `problem`."""
    if batch.status == BatchStatus.FAILED:
        return GroqBatchFailedError(_rejected(batch), batch_id=batch.id)
    if batch.status == BatchStatus.CANCELLED:
        return GroqBatchCancelledError(_cancelled(batch), batch_id=batch.id)
    nothing = nothing_succeeded(batch)
    if batch.status == BatchStatus.EXPIRED and (nothing or fail_on_partial_error):
        return GroqBatchExpiredError(_expired(batch), batch_id=batch.id)
    if batch.status == BatchStatus.COMPLETED and (nothing or (fail_on_partial_error and _has_failures(batch))):
        return GroqBatchRequestsError(_failures(batch), batch_id=batch.id)
    return None


def nothing_succeeded(batch: Batch) -> bool:
    """Whether no request of a batch that has ended has an answer; nothing is charged then."""
    return batch.output_file_id is None and not batch.request_counts.completed


def remark(batch: Batch) -> str:
    """What should be said of a good batch that is not whole; "" if it is."""
    if batch.status == BatchStatus.EXPIRED:
        return _expired(batch)
    return _failures(batch) if _has_failures(batch) else ""


def _has_failures(batch: Batch) -> bool:
    counts = batch.request_counts
    return counts.failed > 0 or counts.completed < counts.total or batch.error_file_id is not None


def _rejected(batch: Batch) -> str:
    shown = "; ".join(
        (f"line {error.line}: " if error.line is not None else "")
        + (error.message or error.code or "no reason given").rstrip(". ")
        for error in batch.errors[:SHOWN_ERRORS]
    )
    more = len(batch.errors) - SHOWN_ERRORS
    return (
        f"Groq rejected the input file {f'{batch.input_file_id} ' if batch.input_file_id else ''}of batch {batch.id}: "
        f"{shown or 'no reason given'}{f'; and {more:,} more' if more > 0 else ''}. "
        "Nothing ran and nothing is charged. Mend the input and run the task again."
    )


def _cancelled(batch: Batch) -> str:
    return (
        f"Batch {batch.id} was cancelled: by a task, in Groq's console, or by another program. "
        f"{_finished(batch)} To run the requests after all, clear the task."
    )


def _expired(batch: Batch) -> str:
    return (
        f"Batch {batch.id} expired: its completion window ({batch.completion_window}) closed before the work was "
        f"done. {_finished(batch)} Send the rest again, in smaller batches or with a longer completion_window."
    )


def _failures(batch: Batch) -> str:
    counts = batch.request_counts
    if counts.total and not counts.completed:
        what = f"all of its {counts.total:,} requests failed"
    elif counts.completed < counts.total:
        what = f"{counts.total - counts.completed:,} of its {counts.total:,} requests failed"
    else:
        what = "requests in it failed"
    if not batch.error_file_id:
        return f"Batch {batch.id} completed, but {what}. There is no file that says why."
    return (
        f"Batch {batch.id} completed, but {what}. Each one's reason is in file {batch.error_file_id}: "
        "GroqDownloadBatchResultsOperator lands it as errors.jsonl."
    )


def _finished(batch: Batch) -> str:
    counts = batch.request_counts
    if not batch.output_file_id and not counts.completed:
        return "No request had succeeded."
    some = f"{counts.completed:,} of {counts.total:,}" if counts.completed else "Some"
    where = (
        f"; their answers are in file {batch.output_file_id}, which GroqDownloadBatchResultsOperator lands"
        if batch.output_file_id
        else ", but there is no file of their answers"
    )
    return f"{some} requests had succeeded and are charged{where}."
