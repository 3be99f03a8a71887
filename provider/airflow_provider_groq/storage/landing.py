"""The result files of a batch, landed in a folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any, BinaryIO

import msgspec
from airflow.sdk import ObjectStoragePath

from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.batches.results import Tally, account, landing
from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.hooks.groq import GroqHook
from airflow_provider_groq.jobs.files import write_whole
from airflow_provider_groq.storage.answer_files import ERRORS, OUTPUT
from airflow_provider_groq.storage.paths import make_folder, storage_errors, storage_path
from airflow_provider_groq.storage.results import ANEW, download_result

NAME = ".groq-landed.json"
"""Beside the result files of a batch whose files at Groq are deleted. No pattern for answers fits it."""


class Landed(msgspec.Struct):
    """A batch whose results have been landed.

    Attributes:
        manifest: What the task returns.
        file_ids: The files of the batch at Groq.
        run: The Dag run, as the ids of the Dag and the run.
        task: The task instance in it, as the id of the task and the map index.
    """

    manifest: dict[str, Any]
    file_ids: list[str | None]
    run: tuple[str, str]
    task: tuple[str, int]


def land(
    hook: GroqHook,
    batch: Batch,
    output_path: str | ObjectStoragePath,
    *,
    run: tuple[str, str],
    task: tuple[str, int],
) -> Landed:
    """Download both files of a batch into a folder.

    Args:
        hook: Groq.
        batch: The batch.
        output_path: The folder.
        run: As in `Landed`.
        task: Likewise.

    Raises:
        GroqInputError: The folder cannot be written, or has the only copy of what another task of the run has landed.
        GroqStorageError: The storage failed.
        GroqError: A file cannot be downloaded.
    """
    folder = storage_path("output_path", output_path)
    places = _places(folder)
    ids = {"output": batch.output_file_id, "errors": batch.error_file_id}
    tally = Tally()
    targets = {path: _download(hook, batch, ids[name], folder) for name, path in places.items()}
    counts = batch.request_counts
    promised = {places["output"]: counts.completed, places["errors"]: counts.failed}
    with storage_errors("output_path", output_path, write=True):
        make_folder(folder)
        with landing(targets, tally, promised=promised) as sizes:
            if (other := _intact(folder)) and other.run == run and other.task != task:
                raise _only_copy(folder, other)
            # Before one of these files is there, so that the record never tells of others than it was written for.
            (folder / NAME).unlink(missing_ok=True)
    rows = account(batch, tally.rows)
    manifest = {
        "batch_id": batch.id,
        "status": batch.status,
        **{name: _told(path, sizes.get(path)) for name, path in places.items()},
        "requests": {"total": batch.request_counts.total or sum(rows.values()), **rows},
        "lines": {name: tally.rows[name] for name in ("repeated", "unreadable")},
        "tokens": {model: dict(counts) for model, counts in tally.tokens.items()},
    }
    return Landed(manifest, [batch.input_file_id, batch.output_file_id, batch.error_file_id], run, task)


def _only_copy(folder: ObjectStoragePath, other: Landed) -> GroqInputError:
    task_id, map_index = other.task
    return GroqInputError(
        f"output_path {folder} holds the results of batch {other.manifest['batch_id']}, which task {task_id!r} (map "
        f"index {map_index}) of this run landed. Their files at Groq are deleted, so this task must not replace them. "
        "Give each task and each mapped task instance its own folder, such as …/{{ ti.task_id }}/{{ ti.map_index }}."
    )


def record(landed: Landed, folder: ObjectStoragePath) -> None:
    """Keep in the folder that a batch has been landed there, for tries that come after its files were deleted.

    Raises:
        GroqInputError: The folder cannot be written.
        GroqStorageError: The storage failed.
    """
    with storage_errors("output_path", folder, write=True):
        write_whole(folder / NAME, json.dumps(msgspec.structs.asdict(landed)).encode() + b"\n")


def recorded(folder: ObjectStoragePath, batch_id: str) -> Landed | None:
    """What was recorded of the batch, if its files are there as they were landed; None if not.

    Raises:
        GroqInputError: The folder cannot be read.
        GroqStorageError: The storage failed.
    """
    with storage_errors("output_path", folder):
        landed = _intact(folder)
    return landed if landed and landed.manifest["batch_id"] == batch_id else None


def _intact(folder: ObjectStoragePath) -> Landed | None:
    """What was recorded in the folder, if its files are there as they were landed."""
    path = folder / NAME
    if not path.exists():
        return None
    try:
        landed = msgspec.convert(json.loads(path.read_bytes()), Landed)
    except (ValueError, msgspec.MsgspecError):  # of another version, which says nothing against landing anew
        return None
    sizes = {place: place.stat().st_size for place in _places(folder).values() if place.exists()}
    files = {name: _told(place, sizes.get(place)) for name, place in _places(folder).items()}
    return landed if landed.manifest.items() >= files.items() else None


def _places(folder: ObjectStoragePath) -> dict[str, ObjectStoragePath]:
    """Where each file is landed, by its name in the manifest."""
    return {"output": folder / OUTPUT, "errors": folder / ERRORS}


def _told(path: ObjectStoragePath, size: int | None) -> dict[str, Any] | None:
    """What the manifest says of a file."""
    return None if size is None else {"path": str(path), "bytes": size}


def _download(
    hook: GroqHook, batch: Batch, file_id: str | None, folder: ObjectStoragePath
) -> Callable[[BinaryIO], int] | None:
    if file_id is None:
        return None
    way_out = f"If an earlier try has landed it, its answers are still under {folder}. {ANEW}"
    return partial(download_result, hook, batch, file_id, way_out=way_out)
