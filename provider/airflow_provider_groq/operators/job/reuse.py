"""The outputs of other jobs whose answers a job reuses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from airflow_provider_groq.batches.options import shown
from airflow_provider_groq.batches.rendered import NOTHING
from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.jobs.output.manifest import NAME as MANIFEST
from airflow_provider_groq.jobs.output.manifest import read_manifest
from airflow_provider_groq.operators.job.job_run import JobRun
from airflow_provider_groq.storage.paths import place_of, storage_errors, storage_path

ARGUMENT = "reuse"

WITHOUT = "or remove the folder from reuse. Nothing was sent."


class Part(msgspec.Struct, frozen=True):
    """A file of answers, as a manifest lists it."""

    name: str
    rows: int
    bytes: int


class Output(NamedTuple):
    """What another job has landed.

    Attributes:
        origin: Its folder, as it was given.
        parts: The files of its answers.
    """

    origin: str
    parts: list[Any]


def outputs(job: JobRun) -> list[Output]:
    """The outputs that a job reuses, each found to be whole.

    Raises:
        GroqInputError: One is not there, is none, or is not whole.
        GroqStorageError: Its storage is unreachable.
    """
    return [output for given in _given(job.operator.reuse) if (output := _output(job, given)) is not None]


def _given(reuse: Any) -> Iterator[Any]:
    """What was given, without what Jinja made of nothing."""
    several = isinstance(reuse, Sequence) and not isinstance(reuse, (str, bytes))
    for one in reuse if several else [reuse]:
        if isinstance(one, Mapping):
            raise GroqInputError(
                f"{ARGUMENT} is {shown(one)}, but must be an output folder, or several: use the path of the manifest "
                "that a task returned, as in \"{{ ti.xcom_pull('answer')['path'] }}\"."
            )
        if one is not None and not (isinstance(one, str) and (not one.strip() or one.strip() in NOTHING)):
            yield one


def _output(job: JobRun, given: Any) -> Output | None:
    """One that was given; None if it is the job's own, and there is none yet."""
    folder = storage_path(ARGUMENT, given)
    origin = str(given).rstrip("/")
    if folder.name == MANIFEST:
        folder = folder.parent
        origin = origin.removesuffix(MANIFEST).rstrip("/")
    try:
        with storage_errors(ARGUMENT, folder):
            there = folder.exists()
            manifest = read_manifest(folder / MANIFEST) if there and (folder / MANIFEST).exists() else None
    except GroqInputError as error:
        raise GroqInputError(f"{ARGUMENT} {folder}: {error} Correct the path, {WITHOUT}") from error
    if manifest is not None:
        return Output(origin, parts_of(manifest, folder, ARGUMENT))
    if place_of(folder) == place_of(job.output):
        return None
    if there:
        raise GroqInputError(
            f"{ARGUMENT} {folder} has no {MANIFEST}: its job has not landed its answers yet, or another "
            f"program wrote the folder. Wait for that job, clear its task, {WITHOUT}"
        )
    raise GroqInputError(
        f"{ARGUMENT} {folder} is missing. Correct the path, {WITHOUT} If there is no earlier output, as on a "
        "Dag's first run, let the template render to an empty string."
    )


def parts_of(manifest: Mapping[str, Any], folder: Any, argument: str) -> list[Any]:
    """The files of an output, each found to be there and as long as it was written.

    Args:
        manifest: Of the output.
        folder: Where it lies.
        argument: What names the folder, for the error.

    Raises:
        GroqInputError: One is not.
        GroqStorageError: The storage is unreachable.
    """
    try:
        listed = msgspec.convert(manifest.get("parts"), list[Part])
    except msgspec.ValidationError as error:
        raise _not_whole(argument, folder, f"its {MANIFEST} was changed ({error})") from None
    found = []
    for part in listed:
        path = folder / part.name
        with storage_errors(argument, path):
            size = path.stat().st_size if path.exists() else None
        if size is None:
            raise _not_whole(argument, folder, f"{part.name} is missing")
        if size != part.bytes:
            raise _not_whole(argument, folder, f"{part.name} has {size:,} bytes, but was written with {part.bytes:,}")
        found.append(path)
    return found


def _not_whole(argument: str, folder: Any, why: str) -> GroqInputError:
    return GroqInputError(
        f"{argument} {folder} has an incomplete output: {why}. Clear the task that wrote it, {WITHOUT}"
        if argument == ARGUMENT
        else f"{argument} {folder} has an incomplete output: {why}. Nothing was sent. Delete its {MANIFEST} "
        "to continue without its answers; you then pay again for those rows."
    )
