"""The answers of a batch: counted as they stream by, and landed whole or not at all."""

from __future__ import annotations

import hashlib
import io
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, Literal, TypeAlias, cast

import msgspec

from airflow_provider_groq.api.models import Batch, BatchStatus
from airflow_provider_groq.batches.json_lines import Reader
from airflow_provider_groq.batches.result_line import body_of, kind, read_row
from airflow_provider_groq.batches.tokens import Tokens
from airflow_provider_groq.exceptions import GroqResponseError

Path: TypeAlias = Any
"""``ObjectStoragePath``: what is Airflow's is not imported here."""

MAX_LINE_BYTES = 16 << 20
"""A longer line is counted as unreadable, and not kept in memory; the longest answers have a tenth of it."""

MAX_LINES = 1_000_000
"""More answers no batch has: Groq's have 50,000. Without an end of them, what is remembered would have none."""

DIGEST_BYTES = 32
"""Shorter ids are remembered as they are."""

BLOCK_BYTES = 8 << 20
"""How much object storage takes at a time; its default of 50 MiB costs three times that in memory."""


class _Body(msgspec.Struct, gc=False):
    model: str
    usage: dict[str, Any] | None = None


class _Response(msgspec.Struct, gc=False):
    status_code: Literal[200]
    body: _Body


class _Answer(msgspec.Struct, gc=False):
    """A request that succeeded, as almost all do."""

    custom_id: str
    response: _Response
    error: None = None


_answers = Reader(_Answer)


class Tally:
    """Counts the answers in output and error files while their bytes go by.

    Attributes:
        rows: How many requests ``succeeded``, ``failed``, ``expired``, were ``cancelled``; lines that
            are ``repeated`` or ``unreadable``.
    """

    def __init__(self) -> None:
        self.rows: Counter[str] = Counter()
        self._tokens = Tokens()
        self._seen: set[bytes] = set()
        self._lines = 0
        self._rest: list[bytes] = []
        self._rest_size = 0

    @property
    def tokens(self) -> Mapping[str, dict[str, int]]:
        """For each model, the sums of the tokens in its answers."""
        return self._tokens.by_model

    @property
    def readable(self) -> int:
        """How many lines could be read."""
        return self.rows.total() - self.rows["unreadable"]

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of a file."""
        for part in io.BytesIO(chunk):
            if part.endswith(b"\n") and not self._rest_size:
                self._take(part)
            else:
                self._keep(part)

    def end(self) -> None:
        """The file ends here.

        Raises:
            GroqResponseError: There are more lines than a batch can have.
        """
        line = b"".join(self._rest)
        too_long = self._rest_size > MAX_LINE_BYTES
        self._rest, self._rest_size = [], 0
        self._take(line, too_long=too_long)

    def _keep(self, part: bytes) -> None:
        """Take a part of a line that is not whole in a chunk."""
        self._rest_size += len(part.removesuffix(b"\n"))
        if self._rest_size > MAX_LINE_BYTES:
            self._rest = []
        else:
            self._rest.append(part)
        if part.endswith(b"\n"):
            self.end()

    def _take(self, line: bytes, *, too_long: bool = False) -> None:
        if not too_long and (not line or line.isspace()):
            return
        self._lines += 1
        if self._lines > MAX_LINES:
            raise too_many_lines()
        if too_long:
            self.rows["unreadable"] += 1
        elif answer := _answers.read(line):
            self._count(answer.custom_id, "succeeded", answer.response.body.model, answer.response.body.usage)
        elif row := read_row(line):
            body = body_of(row)
            self._count(row["custom_id"], kind(row), body.get("model"), body.get("usage"))
        else:
            self.rows["unreadable"] += 1

    def _count(self, custom_id: str, what: str, model: Any, usage: Any) -> None:
        seen = custom_id.encode("utf-8", "surrogatepass")
        if len(seen) >= DIGEST_BYTES:  # however long an id is, it takes no more memory
            seen = hashlib.blake2b(seen, digest_size=DIGEST_BYTES).digest()
        if seen in self._seen:
            self.rows["repeated"] += 1
            return
        self._seen.add(seen)
        self.rows[what] += 1
        if isinstance(usage, dict):
            self._tokens.add(model, usage)


def too_many_lines() -> GroqResponseError:
    """What is wrong with files of more lines than a batch can have."""
    error = GroqResponseError(
        f"The files of the batch have more than {MAX_LINES:,} lines, more than any batch has requests; reading stopped."
    )
    error.retryable = False  # it would all be downloaded again
    return error


def account(batch: Batch, rows: Mapping[str, int]) -> dict[str, int]:
    """Every request of the batch, by its outcome; without a line, the batch's status decides.

    The five add up to the number of requests sent, where the batch says that number.
    """
    counts = {name: rows.get(name, 0) for name in ("succeeded", "failed", "expired", "cancelled")}
    missing = max(0, batch.request_counts.total - sum(counts.values()))
    without_line = {BatchStatus.EXPIRED: "expired", BatchStatus.CANCELLED: "cancelled"}
    counts["missing"] = 0
    counts[without_line.get(cast("BatchStatus", batch.status), "missing")] += missing
    return counts


class _Tee:
    """A file that counts what is written to it."""

    def __init__(self, target: BinaryIO, tally: Tally) -> None:
        self._target = target
        self._tally = tally

    def write(self, chunk: bytes) -> int:
        self._tally.feed(chunk)
        return self._target.write(chunk)


def _none_readable(target: Path, lines: int, size: int) -> GroqResponseError:
    return GroqResponseError(
        f"The batch's counts promise {lines:,} lines for {target.name}, but the downloaded file ({size:,} bytes) "
        "has no readable line. Nothing was landed; earlier results are kept. Retry the task."
    )


@contextmanager
def landing(
    targets: Mapping[Path, Callable[[BinaryIO], int] | None],
    tally: Tally,
    *,
    promised: Mapping[Path, int] | None = None,
) -> Iterator[dict[Path, int]]:
    """Download files beside where they belong; at the end of the ``with`` block they take their places.

    Nothing takes its place if a download or the block raises, so a reader sees the old files or the new ones.

    Args:
        targets: For each file, what streams it into an open file and returns its size. None for a file
            that is not there this time: an earlier file in its place is removed. Their folder exists.
        tally: Counts what goes by.
        promised: How many lines each file should have, as far as that is known.

    Yields:
        The size of each file.

    Raises:
        GroqResponseError: Lines are promised, and none can be read.
    """
    parts: dict[Path, Path] = {}
    sizes: dict[Path, int] = {}
    try:
        for target, download in targets.items():
            if download is None:
                continue
            parts[target] = target.parent / f".{target.name}.{uuid.uuid4().hex}.part"
            with parts[target].open("wb", block_size=BLOCK_BYTES) as file:
                before = tally.readable
                sizes[target] = download(cast("BinaryIO", _Tee(file, tally)))
            tally.end()
            lines = (promised or {}).get(target, 0)
            if lines and tally.readable == before:
                raise _none_readable(target, lines, sizes[target])
        yield sizes
        for target in targets:
            if target in parts:
                parts[target].replace(target)
            else:
                target.unlink(missing_ok=True)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)
