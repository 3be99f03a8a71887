"""The result files of a batch, landed in a folder."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, BinaryIO

from airflow.sdk import ObjectStoragePath

from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.batches.results import Tally, account, landing
from airflow_provider_groq.hooks.groq import GroqHook
from airflow_provider_groq.storage.paths import make_folder, storage_errors, storage_path
from airflow_provider_groq.storage.results import ANEW, download_result


def land(hook: GroqHook, batch: Batch, output_path: str | ObjectStoragePath) -> dict[str, Any]:
    """Download both files of a batch into a folder, and return the manifest."""
    folder = storage_path("output_path", output_path)
    files = {
        "output": (folder / "output.jsonl", batch.output_file_id),
        "errors": (folder / "errors.jsonl", batch.error_file_id),
    }
    tally = Tally()
    targets = {path: _download(hook, batch, file_id, folder) for path, file_id in files.values()}
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


def _download(
    hook: GroqHook, batch: Batch, file_id: str | None, folder: ObjectStoragePath
) -> Callable[[BinaryIO], int] | None:
    if file_id is None:
        return None
    way_out = f"If an earlier try has landed it, its answers are still under {folder}. {ANEW}"
    return partial(download_result, hook, batch, file_id, way_out=way_out)
