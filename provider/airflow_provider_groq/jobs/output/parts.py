"""The output of a job: files of answers, and the manifest that makes them the output.

A reader of the manifest sees the old output or the new one: files of the new one have names of their own, and those
of the old one are there until the new manifest has taken its place.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from io import BytesIO
from itertools import chain
from typing import Any, BinaryIO

from airflow_provider_groq.batches.json_lines import count_lines
from airflow_provider_groq.jobs.files import BLOCK_BYTES, Path, link_or_copy, write_whole
from airflow_provider_groq.jobs.output.manifest import NAME, write
from airflow_provider_groq.jobs.results.kept import WholeFile

MAX_ROWS, MAX_BYTES = 100_000, 256 << 20
"""How much a part holds at most, but for a single answer that is larger."""

GATHERED_BYTES = 1 << 16
"""How much is gathered before it is written; more leaves the processor's cache."""

PART = re.compile(r"part-.+-\d{5,}\.jsonl")
UNFINISHED = re.compile(r"\.(part-.+-\d{5,}\.jsonl|manifest\.json)\.[0-9a-f]{32}\.part")
"""What a process that was killed while it wrote leaves behind."""

LEFT_BEHIND = 86_400.0
"""Seconds after which an unfinished file of another job belongs to no process that still writes it."""


class _Parts:
    """Writes parts beside where they belong."""

    def __init__(self, folder: Path, job: str) -> None:
        self._folder = folder
        self._job = job
        self.written: dict[Path, dict[str, Any]] = {}

    def write(self, blocks: Iterator[bytes | WholeFile], first: bytes | WholeFile) -> bytes | WholeFile:
        """Write one part; what it gives are the first answers of the next, if it has read them."""
        name = f"part-{self._job}-{len(self.written):05}.jsonl"
        beside = self._folder / f".{name}.{uuid.uuid4().hex}.part"
        part = self.written[beside] = {"name": name, "rows": 0, "bytes": 0}
        if isinstance(first, WholeFile):
            link_or_copy(first.path, beside)
            part |= {"rows": first.rows, "bytes": first.bytes}
            return b""
        with beside.open("wb", block_size=BLOCK_BYTES) as file:
            return _fill(part, file, chain([first], blocks))

    def publish(self) -> list[dict[str, Any]]:
        """Let them take their places."""
        for beside, part in self.written.items():
            place = self._folder / part["name"]
            try:
                beside.replace(place)
            except FileNotFoundError:
                # Another try of this job has landed the same bytes meanwhile, and removed what was unfinished.
                if not place.exists():
                    raise
        return list(self.written.values())

    def drop(self) -> None:
        """Delete them."""
        for beside in self.written:
            beside.unlink(missing_ok=True)


def _fill(part: dict[str, Any], file: BinaryIO, blocks: Iterable[bytes | WholeFile]) -> bytes | WholeFile:
    rows = size = 0
    left: bytes | WholeFile = b""
    for block in blocks:
        if isinstance(block, WholeFile):
            left = block
            break
        count, fits = count_lines(block), block
        if rows + count > MAX_ROWS or size + len(block) > MAX_BYTES:
            count, fits = _fitting(block, MAX_ROWS - rows, MAX_BYTES - size, first=not rows)
            left = block[len(fits) :]
        rows += count
        size += len(fits)
        file.write(fits)
        if left:
            break
    part |= {"rows": rows, "bytes": size}
    return left


def _gathered(answers: Iterable[bytes | WholeFile]) -> Iterator[bytes | WholeFile]:
    """Put single lines together."""
    some = bytearray()
    for block in answers:
        if isinstance(block, bytes) and len(some) + len(block) < GATHERED_BYTES:
            some += block
            continue
        if some:
            yield bytes(some)
            some.clear()
        yield block
    if some:
        yield bytes(some)


def _is_part(file: WholeFile) -> bool:
    """Whether a file becomes a part as it is: there are at most twice as many parts as if all answers were copied."""
    is_large = 2 * file.rows >= MAX_ROWS or 2 * file.bytes >= MAX_BYTES
    return is_large and file.rows <= MAX_ROWS and file.bytes <= MAX_BYTES


def _fitting(block: bytes, rows: int, size: int, *, first: bool) -> tuple[int, bytes]:
    """The lines of a block that fit into so many rows and bytes, and their number; the first line of a part does."""
    count = end = 0
    for line in BytesIO(block):
        if (count >= rows or end + len(line) > size) and not (first and not count):
            break
        count += 1
        end += len(line)
    return count, block[:end]


def small_files_opened(answers: Iterable[bytes | WholeFile]) -> Iterator[bytes | WholeFile]:
    """Give the lines of small files in their place, and all else as it is, for `write_parts`."""
    for some in answers:
        if isinstance(some, WholeFile) and not _is_part(some):
            yield from (run.lines for run in some.runs())
        else:
            yield some


def write_parts(answers: Iterable[bytes | WholeFile], folder: Path, job: str) -> list[dict[str, Any]]:
    """Write answers into the files of an output, which are no output yet: that is for `commit`.

    Until all are written, they are beside their final places, under names that begin with a dot.

    Args:
        answers: A line, several lines or a file at a time. A file becomes a part of its own, and is not copied on the
            same local disk; `small_files_opened` gives those that are too small for that as lines.
        folder: The output folder, which is there.
        job: Names the parts: for the same answers the same, and for other answers of this task another.

    Returns:
        The ``name``, ``rows`` and ``bytes`` of each.
    """
    parts = _Parts(folder, job)
    rest = _gathered(answers)
    try:
        block = next(rest, b"")
        while block:
            block = parts.write(rest, block) or next(rest, b"")
        return parts.publish()
    except BaseException:
        # An object storage publishes what was written when a file is closed, also after an error.
        parts.drop()
        raise


def commit(manifest: Mapping[str, Any], folder: Path) -> None:
    """Make the parts that a manifest lists the output, and remove those of the output before.

    To be repeated if it raises, even where the manifest has taken its place already.
    """
    try:
        write_whole(folder / NAME, write(manifest))
    except FileNotFoundError:  # another try has removed it before it had taken its place
        write_whole(folder / NAME, write(manifest))
    remove_unlisted(manifest, folder)


def remove_unlisted(manifest: Mapping[str, Any], folder: Path) -> None:
    """Remove parts that are not of the output, and what processes that were killed left behind; no other file."""
    listed = {part["name"] for part in manifest["parts"]}
    for path in list(folder.iterdir()):
        if (PART.fullmatch(path.name) and path.name not in listed) or _is_left_behind(path, {*listed, NAME}):
            path.unlink(missing_ok=True)


def _is_left_behind(path: Path, landed: set[str]) -> bool:
    """Whether a file is unfinished and not needed: the finished file exists, or it is old."""
    unfinished = UNFINISHED.fullmatch(path.name)
    if unfinished is None:
        return False
    if unfinished[1] in landed:
        return True
    try:
        changed = path.stat().st_mtime
    except FileNotFoundError:
        return False
    return bool(changed) and changed < time.time() - LEFT_BEHIND
