"""What `GroqDownloadBatchResultsOperator` does when its task runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow.sdk import ObjectStoragePath

from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.batches import polling
from airflow_provider_groq.batches.outcome import batch_problem, describe, results_pending, warning
from airflow_provider_groq.batches.rendered import check_id
from airflow_provider_groq.batches.results import Tally, account, landing
from airflow_provider_groq.exceptions import (
    GroqBatchFailedError,
    GroqBatchNotEndedError,
    GroqBatchResultsPendingError,
)
from airflow_provider_groq.hooks.errors import fail_for_good, patiently
from airflow_provider_groq.hooks.groq import GroqHook
from airflow_provider_groq.operators.deleting import delete_files
from airflow_provider_groq.operators.storage import check_writable, make_folder, storage_errors, storage_path

if TYPE_CHECKING:
    from airflow_provider_groq.operators.batch import GroqDownloadBatchResultsOperator


def execute(operator: GroqDownloadBatchResultsOperator) -> dict[str, Any]:
    """Land the results, and return the manifest."""
    operator.linked_batch_id = operator.batch_id
    with fail_for_good(), GroqHook(operator.groq_conn_id) as hook:
        check_id("batch_id", operator.batch_id)
        # Before Groq is asked for anything, so that a path of no use is known at once.
        check_writable("output_path", operator.output_path)
        batch = _ended(hook, operator.batch_id)
        reasons = hook.failure_reasons(batch)
        wrong = batch_problem(batch, reasons=reasons)
        nothing_to_land = not (batch.output_file_id or batch.error_file_id) and isinstance(wrong, GroqBatchFailedError)
        if wrong and (nothing_to_land or isinstance(wrong, GroqBatchResultsPendingError)):
            # To land a failed batch once more does not help, whatever it failed for.
            wrong.retryable = not nothing_to_land
            raise wrong
        manifest = land(hook, batch, operator.output_path)
        rows = ", ".join(f"{count:,} {name}" for name, count in manifest["requests"].items() if count)
        operator.log.info("Landed the results of batch %s under %s: %s.", batch.id, operator.output_path, rows)
        if said := str(wrong or "") or warning(batch, reasons):
            operator.log.warning(said)
        unreadable, missing = manifest["lines"]["unreadable"], manifest["requests"]["missing"]
        if unreadable or missing:
            operator.log.warning(
                "Batch %s: %s lines of its files cannot be read, and %s requests have no line.",
                batch.id,
                f"{unreadable:,}",
                f"{missing:,}",
            )
        if operator.delete_files:
            delete_files(hook, batch.input_file_id, batch.output_file_id, batch.error_file_id)
        return manifest


def _ended(hook: GroqHook, batch_id: str) -> Batch:
    """The batch, which must have ended; if its result files are not there yet, they are waited for."""
    batch = patiently(hook.get_batch, batch_id)
    if not batch.terminal:
        raise GroqBatchNotEndedError(
            f"{describe(batch)} Its results are there only when it has ended: wait for it first, "
            "for example with GroqBatchSensor.",
            batch_id=batch.id,
        )
    if not results_pending(batch):
        return batch
    end = hook.wait_for_batch(batch_id, end_time=time.time() + 2 * polling.RESULTS_GRACE)
    return end.batch or batch


def land(hook: GroqHook, batch: Batch, output_path: str | ObjectStoragePath) -> dict[str, Any]:
    """Download both files of a batch into a folder, and return the manifest."""
    folder = storage_path("output_path", output_path)
    files = {
        "output": (folder / "output.jsonl", batch.output_file_id),
        "errors": (folder / "errors.jsonl", batch.error_file_id),
    }
    tally = Tally()
    targets = {path: _download(hook, file_id) for path, file_id in files.values()}
    counts = batch.request_counts
    promised = {files["output"][0]: counts.completed, files["errors"][0]: counts.failed}
    with storage_errors("output_path", output_path, write=True):
        make_folder(folder)
        with landing(targets, tally, promised=promised) as sizes:
            pass
    rows = account(batch, tally.rows)
    return {
        "batch_id": batch.id,
        "status": batch.status,
        **{
            name: {"path": str(path), "bytes": sizes[path]} if path in sizes else None
            for name, (path, _) in files.items()
        },
        "requests": {"total": batch.request_counts.total or sum(rows.values()), **rows},
        "lines": {name: tally.rows[name] for name in ("repeated", "unreadable")},
        "tokens": {model: dict(counts) for model, counts in tally.tokens.items()},
    }


def _download(hook: GroqHook, file_id: str | None) -> Callable[[BinaryIO], int] | None:
    return None if file_id is None else lambda sink: patiently(hook.download_file, file_id, sink)
