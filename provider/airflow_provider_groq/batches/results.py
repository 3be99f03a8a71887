"""The answers of a batch: counted as they stream by, and landed whole or not at all."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, TypeAlias, cast

from airflow_provider_groq.api.bodies import is_too_wide
from airflow_provider_groq.api.models import Batch, BatchStatus
from airflow_provider_groq.api.text import one_line
from airflow_provider_groq.exceptions import GroqResponseError

Path: TypeAlias = Any
"""``ObjectStoragePath``: what is Airflow's is not imported here."""

MAX_LINE_BYTES = 16 << 20
"""A longer line is counted as unreadable, and not kept in memory; the longest answers have a tenth of it."""

MAX_LINES = 1_000_000
"""More answers no batch has: Groq's have 50,000. Without an end of them, what is remembered would have none."""

MAX_MODELS, MAX_KINDS_OF_TOKENS, MAX_NAME_CHARS = 100, 20, 100
"""How many models and kinds of tokens are told apart, and the length of their names: they go into XCom."""

MAX_TOKENS = 2**53
"""A larger number of tokens is nonsense."""

BLOCK_BYTES = 8 << 20
"""How much object storage takes at a time; its default of 50 MiB costs three times that in memory."""

OK = 200

OTHER_ENDS = {"batch_expired": "expired", "batch_cancelled": "cancelled", "batch_canceled": "cancelled"}
"""What became of a request by its error's code; any other code is a failure."""


class Tally:
    """Counts the answers in output and error files while their bytes go by.

    Attributes:
        rows: How many requests ``succeeded``, ``failed``, ``expired``, were ``cancelled``; lines that
            are ``repeated`` or ``unreadable``.
        tokens: For each model, the sums of what its answers say of tokens used.
    """

    def __init__(self) -> None:
        self.rows: Counter[str] = Counter()
        self.tokens: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._seen: set[bytes] = set()
        self._lines = 0
        self._rest: list[bytes] = []
        self._rest_size = 0

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of a file."""
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            if line or self._rest_size:
                self._keep(line)
                self.end()
        self._keep(rest)

    def end(self) -> None:
        """The line, or the file, ends here.

        Raises:
            GroqResponseError: There are more lines than a batch can have.
        """
        line = b"".join(self._rest)
        too_long = self._rest_size > MAX_LINE_BYTES
        self._rest, self._rest_size = [], 0
        if not too_long and not line.strip():
            return
        self._lines += 1
        if self._lines > MAX_LINES:
            raise _too_many()
        if too_long:
            self.rows["unreadable"] += 1
        else:
            self._count(line)

    def _keep(self, part: bytes) -> None:
        self._rest_size += len(part)
        if self._rest_size > MAX_LINE_BYTES:
            self._rest = []
        else:
            self._rest.append(part)

    def _count(self, line: bytes) -> None:
        row = read_row(line)
        if row is None:
            self.rows["unreadable"] += 1
            return
        # However long an id is, it takes the same memory.
        seen = hashlib.blake2b(row["custom_id"].encode(errors="surrogatepass"), digest_size=16).digest()
        if seen in self._seen:
            self.rows["repeated"] += 1
        else:
            self._seen.add(seen)
            self.rows[kind(row)] += 1
            self._add_tokens(row)

    def _add_tokens(self, row: Mapping[str, Any]) -> None:
        body = body_of(row)
        usage = body.get("usage")
        if isinstance(usage, dict):
            model = body.get("model")
            name = one_line(model, MAX_NAME_CHARS) if isinstance(model, str) else "unknown"
            sums = self.tokens[name if name in self.tokens or len(self.tokens) < MAX_MODELS else "others"]
            for kind_of, number in usage.items():
                if _counts(kind_of, number) and (kind_of in sums or len(sums) < MAX_KINDS_OF_TOKENS):
                    sums[kind_of] += number


def _too_many() -> GroqResponseError:
    error = GroqResponseError(
        f"The files of the batch have more than {MAX_LINES:,} lines; gave up. No batch has so many requests."
    )
    error.retryable = False  # it would all be downloaded again
    return error


def _counts(kind_of: str, number: Any) -> bool:
    """Whether this entry of a ``usage`` is a number of tokens."""
    named = kind_of.endswith("_tokens") and len(kind_of) <= MAX_NAME_CHARS and kind_of.isprintable()
    return named and isinstance(number, int) and not isinstance(number, bool) and 0 <= number <= MAX_TOKENS


def read_row(line: bytes) -> dict[str, Any] | None:
    """One line of an output or error file; None if it is no JSON object with a ``custom_id``."""
    try:
        row = None if is_too_wide(line) else json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) and isinstance(row.get("custom_id"), str) else None


def kind(row: Mapping[str, Any]) -> str:
    """Whether a request ``succeeded``, ``failed``, ``expired`` or was ``cancelled``.

    It succeeded only with status 200 and a body: a line with a status of 4xx can have no ``error``.
    """
    response = row.get("response")
    if (
        isinstance(response, dict)
        and response.get("status_code") == OK
        and response.get("body")
        and not row.get("error")
    ):
        return "succeeded"
    error = row.get("error")
    code = str(error.get("code")) if isinstance(error, dict) else ""
    return OTHER_ENDS.get(code, "failed")


def body_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a row's response; empty if there is none."""
    response = row.get("response")
    body = response.get("body") if isinstance(response, dict) else None
    return body if isinstance(body, dict) else {}


def account(batch: Batch, rows: Mapping[str, int]) -> dict[str, int]:
    """Every request of the batch, by what became of it; what has no line at all is told by the batch's status.

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


@contextmanager
def landing(targets: Mapping[Path, Callable[[BinaryIO], int] | None], tally: Tally) -> Iterator[dict[Path, int]]:
    """Download files beside where they belong; at the end of the ``with`` block they take their places.

    Nothing takes its place if a download or the block raises, so a reader sees the old files or the new ones.

    Args:
        targets: For each file, what streams it into an open file and returns its size. None for a file
            that is not there this time: what stands in its place from before is removed. Their folder is there.
        tally: Counts what goes by.

    Yields:
        The size of each file.
    """
    parts: dict[Path, Path] = {}
    sizes: dict[Path, int] = {}
    try:
        for target, download in targets.items():
            if download is None:
                continue
            parts[target] = target.parent / f".{target.name}.{uuid.uuid4().hex}.part"
            with parts[target].open("wb", block_size=BLOCK_BYTES) as file:
                sizes[target] = download(cast("BinaryIO", _Tee(file, tally)))
            tally.end()
        yield sizes
        for target in targets:
            if target in parts:
                parts[target].replace(target)
            else:
                target.unlink(missing_ok=True)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)
