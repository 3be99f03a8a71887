"""How the results of a batch get from Groq to object storage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, BinaryIO

from airflow.sdk import ObjectStoragePath

from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.batches.results import Tally, account, landing
from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.hooks.errors import patiently
from airflow_provider_groq.hooks.groq import GroqHook
from airflow_provider_groq.operators.storage import storage_path


def land(hook: GroqHook, batch: Batch, output_path: str | ObjectStoragePath) -> dict[str, Any]:
    """Download both files of a batch into a folder, and return the manifest."""
    folder = storage_path("output_path", output_path)
    files = {
        "output": (folder / "output.jsonl", batch.output_file_id),
        "errors": (folder / "errors.jsonl", batch.error_file_id),
    }
    tally = Tally()
    targets = {path: _download(hook, file_id) for path, file_id in files.values()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise GroqInputError(f"output_path {output_path} must be a folder, but is a file, or lies in one.") from error
    with landing(targets, tally) as sizes:
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
