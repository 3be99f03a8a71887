"""One batch: what was asked for, what was done to it, and how Groq shows it."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_groq.emulator.answers import Answers
from airflow_provider_groq.emulator.files import StoredFile
from airflow_provider_groq.emulator.settings import Settings
from airflow_provider_groq.emulator.timeline import Cancel, Forced, Moment, Plan, moment
from airflow_provider_groq.emulator.validation import FAILED, MISSING, BatchError, Scan, batch_error

STAMPS = (
    "finalizing_at",
    "failed_at",
    "expired_at",
    "cancelled_at",
    "cancelling_at",
    "completed_at",
    "in_progress_at",
)
ROUNDING = 1e-6
"""Keeps 0.29 of 100 requests from being 28."""
SCRIPTED_ERRORS = {
    "failed": batch_error("internal_error", "The batch failed for a reason that the emulator was given.", None, None),
    "token_limit_exceeded": batch_error(
        "token_limit_exceeded", "The enqueued token limit is reached. Please try again later.", None, None
    ),
    "server_error": batch_error("server_error", "The server had an error while processing the batch.", None, None),
}
"""The errors of batches that fail although their input is good, by the outcome that was set."""


@dataclass(frozen=True)
class Results:
    """The files of a batch that ended with this status after this many requests; None where there is none.

    The batch shows their ids from `named_at` on (Unix seconds).
    """

    status: str
    processed: int
    output: StoredFile | None
    errors: StoredFile | None
    named_at: float


@dataclass
class Batch:
    """A batch's record.

    Its status is nowhere in it: that follows from the record and the time (`at`). What is expensive to
    find out, `scan` and `results`, is filled in when it is first needed.
    """

    id: str
    account: str
    endpoint: str
    completion_window: str
    metadata: dict[str, str] | None
    input_file: StoredFile
    plan: Plan
    answers: Answers
    max_lines: int
    scripted_error: BatchError | None = None
    results_delay: float = 0.0
    cancel: Cancel | None = None
    forced: Forced | None = None
    scan: Scan | None = None
    results: Results | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def needs_scan(self, now: float) -> bool:
        """Whether the input file has to be checked before the batch can be shown."""
        return self.scan is None and (now >= self.plan.in_progress_at or self.forced is not None)

    def needs_results(self, now: float) -> bool:
        """Whether output and error file have to be there before the batch can be shown."""
        then = self.at(now)
        if not then.has_results:
            return False
        return self.results is None or (self.results.status, self.results.processed) != self.ending(then)

    def ending(self, then: Moment) -> tuple[str, int]:
        """Return what results depend on: how the batch ended, after how many requests."""
        return then.status, self.processed(then)

    def at(self, now: float) -> Moment:
        """Return what the batch is at `now` (Unix seconds)."""
        invalid = self.scripted_error is not None or (self.scan is not None and bool(self.scan.errors))
        return moment(self.plan, now, invalid=invalid, cancel=self.cancel, forced=self.forced)

    def processed(self, then: Moment) -> int:
        """Return how many requests are processed at a moment."""
        total = self.scan.total if self.scan else 0
        if then.processed is not None:
            return min(then.processed, total)
        return int(then.share * total + ROUNDING)

    def view(self, now: float, settings: Settings) -> dict[str, Any]:
        """Return the batch as Groq shows it at `now` (Unix seconds)."""
        then = self.at(now)
        results = self.results if then.has_results else None
        if results and now < results.named_at:
            results = None
        output = results.output.id if results and results.output else None
        errors = results.errors.id if results and results.errors else None
        blank = "" if settings.blank_ids else None
        shown = {
            "id": self.id,
            "object": "batch",
            "endpoint": self.endpoint,
            "errors": self._errors(then, settings),
            "input_file_id": self.input_file.id,
            "completion_window": self.completion_window,
            "status": then.status,
            "output_file_id": output or blank,
            "error_file_id": errors or blank,
            "request_counts": self._counts(then),
            "metadata": None if settings.drop_metadata else self.metadata,
            "created_at": int(self.plan.created_at),
            "expires_at": int(self.plan.expires_at),
            **{stamp: int(then.times[stamp]) if stamp in then.times else None for stamp in STAMPS},
        }
        if settings.project_id is not None:
            shown["project_id"] = settings.project_id
        if settings.omit_nulls or settings.ignore_ids:
            return {name: value for name, value in shown.items() if value is not None}
        return shown

    def _counts(self, then: Moment) -> dict[str, int]:
        if self.scan is None or not then.validated:
            return {"total": 0, "completed": 0, "failed": 0}
        processed = self.processed(then)
        failed, missing = (self.scan.count(end, processed) for end in (FAILED, MISSING))
        return {"total": self.scan.total, "completed": processed - failed - missing, "failed": failed}

    def _errors(self, then: Moment, settings: Settings) -> object:
        if then.status != "failed":
            return None
        errors: list[BatchError] = [self.scripted_error or SCRIPTED_ERRORS["failed"]]
        if self.forced is not None and self.forced.errors is not None:
            errors = self.forced.errors
        elif self.scan is not None and self.scan.errors:
            errors = self.scan.errors
        if not errors:
            return None
        return errors if settings.errors_as_list else {"object": "list", "data": errors}
