"""The result files of one batch, joined with the rows of its shard: one answer for each row, in their order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, BinaryIO, TypeAlias

import msgspec
from msgspec.structs import replace

from airflow_provider_groq.api.models import Batch, BatchStatus
from airflow_provider_groq.exceptions import GroqResponseError
from airflow_provider_groq.jobs.records import Answer, Error, InvalidOutput, RowRecord, Status
from airflow_provider_groq.jobs.results.answer_lines import Writer
from airflow_provider_groq.jobs.results.files import ResultFiles
from airflow_provider_groq.jobs.results.outcomes import Outcome
from airflow_provider_groq.jobs.results.summary import Summarizer, Summary

Validate: TypeAlias = Callable[[str], Any]
"""Gives the object that an answer's text stands for, as JSON has it, or raises `InvalidOutput`."""

WITHOUT_LINE: dict[Status, str] = {
    "missing": "The batch's result files have no line for this request.",
    "expired": "The batch expired before this request was done.",
    "cancelled": "The batch was cancelled before this request was done.",
}
"""What is said of a request without a line, by what became of it."""


def becomes_without_line(batch: Batch) -> Status:
    """What became of requests without a line, by how their batch ended."""
    ends: dict[str, Status] = {BatchStatus.EXPIRED: "expired", BatchStatus.CANCELLED: "cancelled"}
    return ends.get(batch.status, "missing")


@dataclass
class Harvest:
    """What was found in the result files of a batch.

    Attributes:
        rows: How many rows have each status; they add up to the rows of the shard.
        without_line: How many of them have no line.
        lines: How many of them have one.
        succeeded: How many of these say that the request succeeded.
        repeated: Lines of an id that had one already.
        unknown: Ids that are none of the shard's.
        unreadable: Lines that are no JSON object with a ``custom_id``.
        summary: The answers that were written, summarized.
    """

    rows: Counter[Status] = field(default_factory=Counter)
    without_line: int = 0
    lines: int = 0
    succeeded: int = 0
    repeated: int = 0
    unknown: int = 0
    unreadable: int = 0
    summary: Summary = field(default_factory=lambda: Summarizer().summary(0), compare=False)

    def is_complete(self, batch: Batch) -> bool:
        """Whether rows without a line can be believed to have none: no line that the batch promises is missing.

        Without counts from the server, lines must be there and all of them must be readable.
        """
        counts = batch.request_counts
        if not self.without_line:
            return True
        if not counts.done:
            # One that was cancelled before it began has no counts, no files, and nothing to lack.
            promises = batch.status == BatchStatus.COMPLETED and not counts.total
            return not self.unreadable and (self.lines > 0 or not promises)
        if batch.status == BatchStatus.COMPLETED and self.lines < counts.done:
            return False
        return self.succeeded >= counts.completed

    def left_out(self, batch: Batch) -> str | None:
        """Which lines belong to no row, for the log; None if there are none."""
        if not (self.repeated or self.unknown or self.unreadable):
            return None
        return (
            f"Batch {batch.id}: {self.repeated:,} lines of its result files repeat a custom_id, {self.unknown:,} have "
            f"a custom_id that the batch does not have, and {self.unreadable:,} are unreadable. They are ignored."
        )

    def check(self, batch: Batch) -> None:
        """Refuse files that lack lines which the batch promises: their requests are paid, and must not be resent.

        Raises:
            GroqResponseError: They do; retryable, as the files may come whole the next time.
        """
        if self.is_complete(batch):
            return
        counts = batch.request_counts
        raise GroqResponseError(
            f"The result files of batch {batch.id} ({batch.status}) lack lines: {self.without_line:,} of "
            f"{self.rows.total():,} requests have none. The batch counts {counts.completed:,} completed and "
            f"{counts.failed:,} failed requests, the downloaded files have {self.lines:,} readable lines, "
            f"{self.succeeded:,} of them of successful requests, and {self.unreadable:,} unreadable ones. Nothing was "
            "landed, and nothing is resent. Retry the task: it downloads the files again."
        )


def harvest(
    records: Iterable[RowRecord],
    files: Sequence[BinaryIO],
    sink: BinaryIO,
    *,
    batch_id: str,
    status_without_line: Status,
    round: int,  # noqa: A002 - the field's own name
    validate: Validate | None = None,
) -> Harvest:
    """Write one answer for each row of a shard, in their order.

    Memory grows with the ids of the lines, not with what they say.

    Args:
        records: The rows of the shard.
        files: The result files of its batch, as open local files.
        sink: Takes the lines of answers.
        batch_id: The batch.
        status_without_line: What became of requests without a line: ``missing``, ``expired`` or ``cancelled``.
        round: The round, from 1.
        validate: Checks the text of each answer that succeeded.

    Raises:
        GroqResponseError: There are more lines than a batch can have.
    """
    found = Harvest()
    results = ResultFiles(files)
    writer = Writer(sink)
    answer = _answerer(batch_id, round, validate)
    without = Outcome(status_without_line, error=Error(status_without_line, None, WITHOUT_LINE[status_without_line]))
    left = iter(records)
    for some, successes in results.take_all(left):
        if successes is None:
            left = chain(some, left)
            break
        answers = [answer(record, outcome) for record, outcome in zip(some, successes.outcomes, strict=True)]
        found.succeeded += len(answers)
        found.rows.update([ended.status for ended in answers])
        writer.add_all(answers, successes.counts)
    for record in left:
        outcome = results.take(record.custom_id) or without
        found.without_line += outcome is without
        found.succeeded += outcome.status == "succeeded"
        ended = answer(record, outcome)
        found.rows[ended.status] += 1
        writer.add(ended)
    found.lines = found.rows.total() - found.without_line
    found.summary = writer.end()
    found.unknown, found.repeated, found.unreadable = results.unknown(), results.repeated, results.unreadable
    return found


def _answerer(
    batch_id: str,
    round: int,  # noqa: A002 - the field's own name
    validate: Validate | None,
) -> Callable[[RowRecord, Outcome], Answer]:
    """A function that turns the outcome of a request into the answer to its row."""

    def answer(record: RowRecord, outcome: Outcome) -> Answer:
        output = outcome.output
        if validate is not None and outcome.status == "succeeded":
            outcome, output = _validated(outcome, validate)
        return Answer(
            record.custom_id,
            record.index,
            outcome.status,
            output,
            outcome.error,
            outcome.model,
            outcome.finish_reason,
            outcome.usage,
            round,
            batch_id,
            record.digest,
            record.input,
            msgspec.UNSET if outcome.reasoning is None else outcome.reasoning,
            msgspec.UNSET if outcome.tool_calls is None else outcome.tool_calls,
        )

    return answer


def _validated(outcome: Outcome, validate: Validate) -> tuple[Outcome, Any]:
    """The outcome, and its output once it is checked; an answer that only calls tools has none to check."""
    if outcome.output is None:
        return (outcome if outcome.tool_calls else _invalid(outcome, "The answer has no text.")), None
    try:
        return outcome, validate(outcome.output)
    except InvalidOutput as error:
        return _invalid(outcome, str(error)), outcome.output


def _invalid(outcome: Outcome, message: str) -> Outcome:
    return replace(outcome, status="invalid_output", error=Error("invalid_output", None, message))
