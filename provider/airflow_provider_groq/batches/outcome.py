"""What the end of a batch means for the task that waited for it."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow_provider_groq.api.models import Batch, BatchStatus
from airflow_provider_groq.api.polled import Glance
from airflow_provider_groq.batches.events import WaitEnd
from airflow_provider_groq.exceptions import (
    GroqBatchCancelledError,
    GroqBatchError,
    GroqBatchExpiredError,
    GroqBatchFailedError,
    GroqBatchRequestsError,
    GroqBatchResultsPendingError,
    GroqBatchTimeoutError,
    GroqBatchUnknownError,
)

SHOWN_ERRORS = 5

FIRST_TIME, LAST_TIME = -62_135_596_800, 253_402_300_799
"""The first and the last Unix time that has a date: in the years 1 and 9999."""

TRANSIENT_CODES = frozenset(
    {
        "batch_creation_failed",
        "capacity_exceeded",
        "internal_error",
        "internal_server_error",
        "over_capacity",
        "rate_limit_exceeded",
        "server_error",
        "service_unavailable",
        "timeout",
        "token_limit_exceeded",
    }
)
"""Codes of a failed batch that say nothing against its input, which can succeed later. ``token_limit_exceeded``: too
many tokens are enqueued for the account."""


def describe(batch: Batch | Glance) -> str:
    """One line for the log: status and progress."""
    counts = batch.request_counts
    line = f"Batch {batch.id}: {batch.status}"
    if counts.total:
        share = counts.done / counts.total
        line += f", {counts.done:,} of {counts.total:,} requests done ({share:.0%}), {counts.failed:,} failed"
    return f"{line}."


def clock(unix_time: float) -> str:
    """A time, for people; one that no date can express, such as a deadline in a million years, as the nearest date."""
    return datetime.fromtimestamp(max(FIRST_TIME, min(LAST_TIME, unix_time)), UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def duration(seconds: float) -> str:
    """A number of seconds, for people."""
    for unit, size in (("days", 86_400.0), ("h", 3_600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:,.0f} s"


def problem(end: WaitEnd, *, fail_on_partial_error: bool = False, reasons: str = "") -> GroqBatchError | None:
    """The error for the end of a wait; None if the batch is good.

    A batch is good if it completed or expired with at least one request that succeeded; with
    ``fail_on_partial_error``, only if it completed and every request did.

    Args:
        end: How the wait ended.
        fail_on_partial_error: Whether a batch of which only some requests succeeded is a problem.
        reasons: Why requests failed, as `reasons.summary` returns it; "" if unknown.
    """
    if end.reason == "timeout":
        return GroqBatchTimeoutError(end.message, batch_id=end.batch_id)
    if end.reason == "unknown" or end.batch is None:
        return GroqBatchUnknownError(end.message, batch_id=end.batch_id)
    return batch_problem(end.batch, fail_on_partial_error=fail_on_partial_error, reasons=reasons)


def batch_problem(batch: Batch, *, fail_on_partial_error: bool = False, reasons: str = "") -> GroqBatchError | None:
    """What is wrong with a batch that has ended, as in `problem`."""
    if batch.status == BatchStatus.FAILED:
        message = _failed(batch, reasons)
        return GroqBatchFailedError(message, batch_id=batch.id, retryable=failed_for_transient_cause(batch))
    if batch.status == BatchStatus.CANCELLED:
        return GroqBatchCancelledError(_cancelled(batch), batch_id=batch.id)
    if results_pending(batch):
        return GroqBatchResultsPendingError(_pending(batch), batch_id=batch.id)
    nothing = nothing_succeeded(batch)
    if batch.status == BatchStatus.EXPIRED and (nothing or fail_on_partial_error):
        return GroqBatchExpiredError(_expired(batch, reasons), batch_id=batch.id)
    if batch.status == BatchStatus.COMPLETED and (nothing or (fail_on_partial_error and has_failures(batch))):
        return GroqBatchRequestsError(_failures(batch, reasons), batch_id=batch.id)
    return None


def warning(batch: Batch, reasons: str = "") -> str:
    """What the log should say of a good batch that is not whole; "" if it is."""
    if batch.status == BatchStatus.EXPIRED:
        return _expired(batch, reasons)
    return _failures(batch, reasons) if has_failures(batch) else ""


def results_pending(batch: Batch) -> bool:
    """Whether a batch that has ended still lacks the id of a result file that it must have.

    Some servers show the end of a batch for some seconds before its files: the counts then promise more than
    the files that have ids, or a completed batch has neither counts nor files.
    """
    if batch.status not in {BatchStatus.COMPLETED, BatchStatus.EXPIRED, BatchStatus.CANCELLED}:
        return False
    counts = batch.request_counts
    if not counts.done:
        return batch.status == BatchStatus.COMPLETED and not (batch.output_file_id or batch.error_file_id)
    return bool(_missing_files(batch))


def nothing_succeeded(batch: Batch) -> bool:
    """Whether no request of a batch that has ended has an answer; nothing is charged then.

    The counts decide; a batch without counts is judged by its files.
    """
    counts = batch.request_counts
    return not counts.completed if counts.done else batch.output_file_id is None


def has_failures(batch: Batch) -> bool:
    """Whether a request of a batch that has ended has no answer. The counts decide, as in `nothing_succeeded`."""
    counts = batch.request_counts
    if counts.done:
        return counts.failed > 0 or counts.completed < counts.total
    return batch.error_file_id is not None


def has_reasons(batch: Batch) -> bool:
    """Whether requests of a batch failed, and there is a file that says why."""
    return batch.error_file_id is not None and has_failures(batch)


def failed_for_transient_cause(batch: Batch) -> bool:
    """Whether a failed batch says nothing against its input, so that a new batch of the same input can succeed."""
    return all(error.line is None and _is_transient(error.code, error.message) for error in batch.errors)


def _is_transient(code: str | None, message: str | None) -> bool:
    return code.lower() in TRANSIENT_CODES if code else not message


def _missing_files(batch: Batch) -> list[str]:
    counts = batch.request_counts
    promised = (
        (counts.completed, "succeeded", "output", batch.output_file_id),
        (counts.failed, "failed", "error", batch.error_file_id),
    )
    return [
        f"{count:,} of {counts.total:,} requests {became}, but it names no {kind} file"
        for count, became, kind, file_id in promised
        if count and not file_id
    ]


def _pending(batch: Batch) -> str:
    lacks = " and ".join(_missing_files(batch)) or "it names neither an output nor an error file"
    return (
        f"Batch {batch.id} is {batch.status}: {lacks}. The file may still appear. Retry or clear the task: it resumes "
        "the same batch, and you do not pay twice."
    )


def _failed(batch: Batch, reasons: str) -> str:
    shown = "; ".join(
        (f"line {error.line}: " if error.line is not None else "")
        + (
            ": ".join(filter(None, (error.code if error.line is None else None, error.message))) or error.code or ""
        ).rstrip(". ")
        for error in batch.errors[:SHOWN_ERRORS]
    ).strip("; ")
    more = len(batch.errors) - SHOWN_ERRORS
    why = f"{shown or 'no reason given'}{f'; and {more:,} more' if more > 0 else ''}"
    if any(error.line is not None for error in batch.errors):
        file = f"{batch.input_file_id} " if batch.input_file_id else ""
        what, advice = (
            f"Groq rejected the input file {file}of batch {batch.id}",
            "Fix the input, then clear the task.",
        )
    elif failed_for_transient_cause(batch):
        what, advice = f"Batch {batch.id} failed", "This can be transient: a retry creates a new batch."
    else:
        what, advice = (
            f"Batch {batch.id} failed",
            "Fix what the reason names, then clear the task to create a new batch.",
        )
    nothing_ran = not (batch.request_counts.done or batch.output_file_id or batch.error_file_id)
    done = "Nothing ran and nothing is charged." if nothing_ran else f"{_finished(batch)}{_explained(batch, reasons)}"
    return f"{what}: {why}. {done} {advice}"


def _cancelled(batch: Batch) -> str:
    return (
        f"Batch {batch.id} was cancelled: by a task, in Groq's console, or by another program. "
        f"{_finished(batch)} To run the requests after all, clear the task."
    )


def _expired(batch: Batch, reasons: str) -> str:
    return (
        f"Batch {batch.id} expired: its completion window ({batch.completion_window}) closed before the work was "
        f"done. {_finished(batch)}{_explained(batch, reasons)} Resend the rest in smaller batches or with a "
        "longer completion_window."
    )


def _failures(batch: Batch, reasons: str) -> str:
    counts = batch.request_counts
    if counts.total and not counts.completed and counts.done:
        what = f"all of its {counts.total:,} requests failed"
    elif counts.done and counts.completed < counts.total:
        what = f"{counts.total - counts.completed:,} of its {counts.total:,} requests failed"
    else:
        what = "requests in it failed"
    return f"Batch {batch.id} completed, but {what}.{_explained(batch, reasons) or ' There is no error file.'}"


def _explained(batch: Batch, reasons: str) -> str:
    """Why requests failed, and where each one's reason is; "" without an error file."""
    if not batch.error_file_id:
        return ""
    why = f" Reasons: {reasons}." if reasons else ""
    return (
        f"{why} The reason of each is in file {batch.error_file_id}: GroqDownloadBatchResultsOperator lands it as "
        "errors.jsonl."
    )


def _finished(batch: Batch) -> str:
    counts = batch.request_counts
    if nothing_succeeded(batch):
        return "No request had succeeded."
    some = f"{counts.completed:,} of {counts.total:,}" if counts.completed else "Some"
    where = (
        f"; their answers are in file {batch.output_file_id}, which GroqDownloadBatchResultsOperator lands"
        if batch.output_file_id
        else ", but there is no output file"
    )
    return f"{some} requests had succeeded and are charged{where}."
