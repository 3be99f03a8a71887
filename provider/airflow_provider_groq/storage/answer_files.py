"""The files of answers that jobs and downloads leave, read as a stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from airflow.sdk import ObjectStoragePath
from pydantic import TypeAdapter, ValidationError

from airflow_provider_groq.api.text import one_line
from airflow_provider_groq.batches.requests import read_lines
from airflow_provider_groq.batches.results import MAX_LINE_BYTES
from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.jobs.files import BLOCK_BYTES
from airflow_provider_groq.jobs.output import manifest as manifests
from airflow_provider_groq.jobs.output.answer import Answer
from airflow_provider_groq.jobs.records import Error
from airflow_provider_groq.jobs.results.files import custom_id_of, key_of
from airflow_provider_groq.jobs.results.outcomes import outcome_of
from airflow_provider_groq.storage.paths import storage_errors, storage_path

OUTPUT, ERRORS = "output.jsonl", "errors.jsonl"
"""The files that the download operator writes."""

ARGUMENT = "source"
"""What `read_answers` calls its argument."""

SHOWN_CHARS = 200

_decode = msgspec.json.Decoder(Answer).decode
_encode = msgspec.json.Encoder().encode
_decode_usage = msgspec.json.Decoder(dict[str, Any] | None).decode


def read(source: Any, as_type: Any) -> Iterator[Answer]:
    """Give the answers of a job or a download, as `read_answers` says."""
    if isinstance(source, Mapping) and source.get("format") != manifests.FORMAT:
        answers = _downloaded(source)
    else:
        answers = _found(source)
    return answers if as_type is None else _typed(answers, TypeAdapter(as_type))


def _downloaded(manifest: Mapping[str, Any]) -> Iterator[Answer]:
    """The answers of a batch, where the manifest of its download says that they are."""
    if not {"output", "errors", "batch_id"} <= set(manifest):
        raise GroqInputError(
            "source is not the manifest of a job or a download: its keys are "
            f"{one_line(', '.join(map(str, manifest)), SHOWN_CHARS) or 'none'}. Pass the task's return value, or "
            "the folder that it wrote to."
        )
    files = [(_path(file["path"]), file["bytes"]) for name in ("output", "errors") if (file := manifest[name])]
    for path, size in files:
        with storage_errors(ARGUMENT, path):
            found = path.stat().st_size
        if found != size:
            raise GroqInputError(
                f"{path} has {found:,} bytes, not {size:,} as its manifest says: another download replaced it, or it "
                "was cut off. Give each run and each mapped task instance its own output_path, for example with "
                "{{ run_id }} and {{ ti.map_index }} in it, and clear the task that wrote it."
            )
    return _of_files([path for path, _ in files], manifest["batch_id"])


def _found(source: Any) -> Iterator[Answer]:
    """The answers where a path or the manifest of a job says that they are."""
    if isinstance(source, Mapping):
        folder = _path(source["path"])
        manifest = _manifest(folder)
        if manifest is not None and manifest["job"] != source["job"]:
            raise GroqInputError(
                f"{folder} now has the answers of another run: {manifest['job']}, not {source['job']}. Give "
                "each run its own output_path, for example with {{ ds }} or {{ run_id }} in it."
            )
    else:
        folder = _path(source)
        if folder.name == manifests.NAME:
            folder = folder.parent
        manifest = _manifest(folder)
        files = [] if manifest else [path for name in (OUTPUT, ERRORS) if _exists(path := folder / name)]
        if files:
            return _of_files(files, None)
    if manifest is None:
        raise GroqInputError(
            f"{folder} has no answers: neither {manifests.NAME} nor {OUTPUT} or {ERRORS}. Read them once the task "
            "that writes them has succeeded, and from the folder that it writes to."
        )
    return _of_parts(folder, manifest)


def _path(path: Any) -> ObjectStoragePath:
    return storage_path(ARGUMENT, path)


def _exists(path: ObjectStoragePath) -> bool:
    with storage_errors(ARGUMENT, path):
        return path.exists()


def _manifest(folder: ObjectStoragePath) -> dict[str, Any] | None:
    """The manifest of the job whose output is in a folder; None if there is none."""
    path = folder / manifests.NAME
    if not _exists(path):
        return None
    with storage_errors(ARGUMENT, path):
        return manifests.read_manifest(path)


def _of_parts(folder: ObjectStoragePath, manifest: Mapping[str, Any]) -> Iterator[Answer]:
    """The answers of a job."""
    for part in manifest["parts"]:
        path = folder / part["name"]
        rows = 0
        for rows, line in _lines(path, max_bytes=None):  # a row may carry more than any answer says
            try:
                answer = _decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise _cut_off(path, rows, str(error)) from None
            yield answer
        if rows != part["rows"]:
            raise _cut_off(path, rows, f"it is the last, and the manifest lists {part['rows']:,}")


def _of_files(files: list[ObjectStoragePath], batch_id: str | None) -> Iterator[Answer]:
    """The answers in result files as Groq wrote them."""
    seen: set[str | bytes] = set()
    for path in files:
        for number, line in _lines(path, max_bytes=MAX_LINE_BYTES):
            if line.isspace():
                continue
            custom_id, outcome = custom_id_of(line), outcome_of(line)
            if custom_id is None or outcome is None:
                raise _cut_off(path, number, "it is not a JSON object with a custom_id")
            if (key := key_of(custom_id)) not in seen:
                seen.add(key)
                yield Answer(
                    custom_id=custom_id,
                    status=outcome.status,
                    output=outcome.output,
                    error=outcome.error,
                    model=outcome.model,
                    finish_reason=outcome.finish_reason,
                    usage=_decode_usage(outcome.usage),
                    reasoning=outcome.reasoning,
                    tool_calls=outcome.tool_calls,
                    batch_id=batch_id,
                )


def _lines(path: ObjectStoragePath, *, max_bytes: int | None) -> Iterator[tuple[int, bytes]]:
    """The lines of a file, with their numbers."""
    with storage_errors(ARGUMENT, path), path.open("rb", block_size=BLOCK_BYTES) as file:
        yield from enumerate(read_lines(file, max_bytes=max_bytes), 1)


def _cut_off(path: ObjectStoragePath, number: int, why: str) -> GroqInputError:
    return GroqInputError(
        f"Line {number:,} of {path} cannot be read: {why}. The file was cut off or changed after it was written. "
        "Clear the task that wrote it.",
        line=number,
    )


def _typed(answers: Iterator[Answer], adapter: TypeAdapter[Any]) -> Iterator[Answer]:
    for answer in answers:
        if answer.status == "succeeded":
            try:
                answer.output = _validated(answer.output, adapter)
            except ValidationError as error:
                answer.status = "invalid_output"
                answer.error = Error("invalid_output", None, str(error))
        yield answer


def _validated(output: Any, adapter: TypeAdapter[Any]) -> Any:
    """An output as a type: from JSON, which strict types read too; fields by alias, or by name, as jobs write them."""
    try:
        return adapter.validate_json(_encode(output), by_alias=True, by_name=True)
    except ValidationError:
        if not isinstance(output, str):
            raise
        return adapter.validate_json(output, by_alias=True, by_name=True)
