"""The output of a job: files of answers, and the manifest that makes them the output.

A reader of the manifest sees the old output or the new one: files of the new one have names of their own, and those
of the old one are there until the new manifest has taken its place.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO, TypeAlias

from airflow_provider_groq.jobs.files import BLOCK_BYTES, write_whole
from airflow_provider_groq.jobs.manifest import NAME, write

Path: TypeAlias = Any
"""``ObjectStoragePath``: what is Airflow's is not imported here."""

MAX_ROWS, MAX_BYTES = 100_000, 256 << 20
"""How much a part holds at most, but for a single answer that is larger."""

GATHERED_BYTES = 1 << 20
"""How much is gathered before it is written."""

PART = re.compile(r"part-.+-\d{5,}\.jsonl")
UNFINISHED = re.compile(r"\.(part-.+-\d{5,}\.jsonl|manifest\.json)\.[0-9a-f]{32}\.part")
"""What a process that was killed while it wrote leaves behind."""

LEFT_BEHIND = 86_400.0
"""Seconds after which an unfinished file belongs to no process that still writes it."""


class _Parts:
    """Writes parts beside where they belong."""

    def __init__(self, folder: Path, job: str) -> None:
        self._folder = folder
        self._job = job
        self.written: dict[Path, dict[str, Any]] = {}

    def write(self, lines: Iterator[bytes], first: bytes) -> bytes | None:
        """Write one part; what it gives is the first line of the next."""
        name = f"part-{self._job}-{len(self.written):05}.jsonl"
        beside = self._folder / f".{name}.{uuid.uuid4().hex}.part"
        part = self.written[beside] = {"name": name, "rows": 0, "bytes": 0}
        with beside.open("wb", block_size=BLOCK_BYTES) as file:
            return _fill(part, file, lines, first)

    def publish(self) -> list[dict[str, Any]]:
        """Let them take their places."""
        for beside, part in self.written.items():
            beside.replace(self._folder / part["name"])
        return list(self.written.values())

    def drop(self) -> None:
        """Delete them."""
        for beside in self.written:
            beside.unlink(missing_ok=True)


def _fill(part: dict[str, Any], file: BinaryIO, lines: Iterator[bytes], first: bytes) -> bytes | None:
    gathered = bytearray(first)
    rows = 1
    size = len(first)
    left = None
    for line in lines:
        if rows >= MAX_ROWS or size + len(line) > MAX_BYTES:
            left = line
            break
        rows += 1
        size += len(line)
        gathered += line
        if len(gathered) >= GATHERED_BYTES:
            file.write(bytes(gathered))
            gathered.clear()
    file.write(bytes(gathered))
    part |= {"rows": rows, "bytes": size}
    return left


def write_parts(lines: Iterable[bytes], folder: Path, job: str) -> list[dict[str, Any]]:
    """Write answers into the files of an output, which are no output yet: that is for `commit`.

    Until all are written, they lie beside their places under names that begin with a dot.

    Args:
        lines: The answers.
        folder: The output folder, which is there.
        job: Names the parts: for the same answers the same, and for other answers of this task another.

    Returns:
        The ``name``, ``rows`` and ``bytes`` of each.
    """
    parts = _Parts(folder, job)
    rest = iter(lines)
    try:
        line = next(rest, None)
        while line is not None:
            line = parts.write(rest, line)
        return parts.publish()
    except BaseException:
        # An object storage publishes what was written when a file is closed, also after an error.
        parts.drop()
        raise


def commit(manifest: Mapping[str, Any], folder: Path) -> None:
    """Make the parts that a manifest lists the output, and remove those of the output before.

    To be repeated if it raises, even where the manifest has taken its place already.
    """
    write_whole(folder / NAME, write(manifest))
    remove_unlisted(manifest, folder)


def remove_unlisted(manifest: Mapping[str, Any], folder: Path) -> None:
    """Remove parts that are not of the output, and what processes that were killed left behind; no other file."""
    listed = {part["name"] for part in manifest["parts"]}
    for path in list(folder.iterdir()):
        if (PART.fullmatch(path.name) and path.name not in listed) or _is_left_behind(path):
            path.unlink(missing_ok=True)


def _is_left_behind(path: Path) -> bool:
    if not UNFINISHED.fullmatch(path.name):
        return False
    try:
        changed = path.stat().st_mtime
    except FileNotFoundError:
        return False
    return bool(changed) and changed < time.time() - LEFT_BEHIND
