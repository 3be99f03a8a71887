"""What became of the requests of a batch, as common-ai's results."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from tempfile import TemporaryFile
from typing import Any, BinaryIO, Literal, cast

import msgspec

from airflow_provider_groq import telemetry
from airflow_provider_groq.api.models import Batch, BatchStatus
from airflow_provider_groq.batches.options import MAX_LINES
from airflow_provider_groq.batches.outcome import warning
from airflow_provider_groq.batches.requests import read_lines
from airflow_provider_groq.batches.results import MAX_LINE_BYTES
from airflow_provider_groq.common_ai.claims import KEY
from airflow_provider_groq.common_ai.contract import RawResultItem
from airflow_provider_groq.hooks.groq import GroqHook
from airflow_provider_groq.jobs.money.usage import counts_of
from airflow_provider_groq.jobs.records import NOTHING, Answer, Error, RowRecord, Status
from airflow_provider_groq.jobs.results.files import custom_id_of
from airflow_provider_groq.jobs.results.harvest import becomes_without_line, harvest
from airflow_provider_groq.jobs.temporary import filling, temporary_errors
from airflow_provider_groq.storage.results import downloaded

log = logging.getLogger(__name__)

PURPOSE = "results are kept"

STATUSES: dict[Status, Literal["success", "errored", "expired", "cancelled"]] = {
    "succeeded": "success",
    "failed": "errored",
    "expired": "expired",
    "cancelled": "cancelled",
}
"""common-ai's words. Requests of another status have no line, which it finds out by itself."""

_decode = msgspec.json.Decoder(Answer).decode


def results(hook: GroqHook, batch: Batch) -> Iterator[RawResultItem]:
    """The result of each request, in the order of the requests; all that can fail here fails before the first.

    Args:
        hook: Groq.
        batch: The batch, which has ended.

    Raises:
        GroqBatchResultsPendingError: It promises a result file that is not there yet.
        GroqNotFoundError: A result file is gone.
        GroqResponseError: It promises more answers than there are.
        GroqStorageError: There is no room for the results on this machine.
    """
    # Where the server does not count the requests, common-ai knows how many there are.
    known = batch.request_counts.total
    with temporary_errors(PURPOSE):
        sink = cast("BinaryIO", TemporaryFile())  # noqa: SIM115 - read by the iterator
    try:
        with downloaded(hook, batch) as files, filling(sink, PURPOSE) as answers:
            found = harvest(
                _records(_key(batch, files), known or MAX_LINES),
                files,
                answers,
                batch_id=batch.id,
                status_without_line=becomes_without_line(batch) if known else "missing",
                round=1,
            )
        found.check(batch)
    except BaseException:
        sink.close()
        raise
    if said := found.left_out(batch):
        log.warning("%s", said)
    _tell_of_failures(hook, batch)
    telemetry.ended(hook.groq_conn_id, batch)
    telemetry.landed(hook.groq_conn_id, {str(status): number for status, number in found.rows.items()})
    telemetry.tokens(hook.groq_conn_id, found.summary.tokens)
    return _items(sink)


def _tell_of_failures(hook: GroqHook, batch: Batch) -> None:
    """Say in the log why requests failed: common-ai only counts them."""
    if batch.status in {BatchStatus.COMPLETED, BatchStatus.EXPIRED} and (
        said := warning(batch, hook.failure_reasons(batch))
    ):
        log.warning("%s", said)


def _key(batch: Batch, files: Sequence[BinaryIO]) -> str:
    """What each ``custom_id`` begins with; read from the results where the server has not kept the metadata."""
    if key := batch.metadata.get(KEY):
        return key
    for file in files:
        file.seek(0)
        for line in read_lines(file, max_bytes=MAX_LINE_BYTES):
            if custom_id := custom_id_of(line):
                return custom_id.rpartition("-")[0]
    return ""


def _records(key: str, count: int) -> Iterator[RowRecord]:
    for index in range(count):
        yield RowRecord(index, f"{key}-{index}", "", NOTHING)


def _items(sink: BinaryIO) -> Iterator[RawResultItem]:
    with sink:
        sink.seek(0)
        for line in sink:
            answer = _decode(line)
            if answer.status in STATUSES:
                yield _item(answer)


def _item(answer: Answer) -> RawResultItem:
    return RawResultItem(
        custom_id=answer.custom_id,
        index=answer.index,
        provider_status=STATUSES[answer.status],
        model=answer.model,
        usage=_usage(answer.usage),
        finish_reason=answer.finish_reason,
        error=_error(answer.status, answer.error) if answer.error else None,
        raw=answer.output,
    )


def _usage(usage: msgspec.Raw) -> dict[str, int] | None:
    """The tokens by the names that common-ai's other adapters give them."""
    counts = counts_of(usage)
    return None if counts is None else {"input_tokens": counts.prompt_tokens, "output_tokens": counts.completion_tokens}


def _error(status: Status, error: Error) -> dict[str, Any]:
    code = error.code or (str(error.status) if error.status else None)
    return {
        "type": "provider_error" if status == "failed" else status,
        "message": error.message,
        "provider_code": code,
        "stage": "provider",
    }
