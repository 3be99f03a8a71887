"""The input of a batch, checked line by line before anything is sent.

The rules are those of https://console.groq.com/docs/batch.
"""

from __future__ import annotations

import hashlib
import io
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from airflow_provider_groq.batches import json_lines
from airflow_provider_groq.batches.options import MAX_LINES, shown
from airflow_provider_groq.batches.request_line import line_error, model_of
from airflow_provider_groq.exceptions import GroqInputError

BLOCK_BYTES = 1 << 18
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(slots=True)
class Summary:
    """What was found in an input.

    Attributes:
        lines: The number of requests.
        bytes: Their size as a file.
        models: How many requests name each model.
        first_lines: For each model, the number of the first line that names it, from 1.
        digest: What identifies this input: the SHA-256 of those bytes, in hexadecimal.
    """

    lines: int = 0
    bytes: int = 0
    models: Counter[str] = field(default_factory=Counter)
    first_lines: dict[str, int] = field(default_factory=dict)
    digest: str = ""

    def add(self, number: int, size: int, model: str) -> None:
        """Count the request of a line."""
        self.lines += 1
        self.bytes += size
        self.models[model] += 1
        self.first_lines.setdefault(model, number)

    def __str__(self) -> str:
        models = ", ".join(f"{count:,} for {model}" for model, count in self.models.most_common())
        return f"{self.lines:,} {'request' if self.lines == 1 else 'requests'} ({models}), {self.bytes:,} bytes"


def encode(requests: Iterable[Mapping[str, Any]], *, endpoint: str) -> Iterator[bytes]:
    """Give each request as a line of JSON. ``method`` and ``url`` may be left out.

    Args:
        requests: Request objects as in an input file.
        endpoint: The ``url`` of requests that have none.

    Raises:
        GroqInputError: One of them is not a dict, or cannot be written as JSON.
    """
    if isinstance(requests, (str, bytes, Mapping)) or not isinstance(requests, Iterable):
        raise GroqInputError(f"requests must be a list of request objects, but is {shown(requests)}.")
    for number, request in enumerate(requests, 1):
        if not isinstance(request, Mapping):
            raise line_error(number, f"a request must be a JSON object, but is {shown(request)}")
        filled = {"method": "POST", "url": endpoint, **request}
        try:
            yield json_lines.write(filled)
        except (TypeError, ValueError, RecursionError) as error:
            raise line_error(number, f"cannot be written as JSON: {error}") from None


def read_lines(source: BinaryIO, *, max_bytes: int | None = None) -> Iterator[bytes]:
    """Give the lines of an open file.

    Read in blocks: a line at a time takes several times as long, and some object storages have no such call.

    Args:
        source: The file.
        max_bytes: A line that is longer is given in parts, none much longer; None, for files of our own, for no limit.
    """
    rest = bytearray()
    most = sys.maxsize if max_bytes is None else max_bytes
    while block := source.read(min(BLOCK_BYTES, most + 1)):
        for part in io.BytesIO(block):
            line = part
            if rest or not part.endswith(b"\n"):
                rest += part
                if len(rest) <= most and not part.endswith(b"\n"):
                    continue
                line, rest = bytes(rest), bytearray()
            yield line
    if rest:
        yield bytes(rest)


def copy_checked(lines: Iterable[bytes], target: BinaryIO, *, max_bytes: int, max_lines: int = MAX_LINES) -> Summary:
    """Check each line and write it to the target, so that what was checked is what is sent.

    A byte order mark and blank lines at the end are left out; all else is written as it is.

    Args:
        lines: The lines of a JSONL file.
        target: An open file.
        max_bytes: The largest file to accept.
        max_lines: The most requests to accept.

    Raises:
        GroqInputError: A line is wrong, or there are none, or too many; with the line's number.
    """
    summary = Summary()
    digest = hashlib.sha256()
    block = bytearray()
    seen: dict[str, int] = {}
    blank = 0
    for number, raw in enumerate(lines, 1):
        line = raw.removeprefix(BYTE_ORDER_MARK) if number == 1 else raw
        is_blank = not line or line.isspace()
        if not is_blank and not line.endswith(b"\n"):
            line += b"\n"
        if summary.bytes + len(line) > max_bytes:
            raise GroqInputError(
                f"The input is larger than {max_bytes:,} bytes, reached in line {number:,}. Split it "
                "into several batches (max_file_bytes in the connection's extra is this limit).",
                line=number,
            )
        if is_blank:
            blank = blank or number
            continue
        if blank:
            raise line_error(blank, "is empty, and requests follow it: remove the empty line")
        if number > max_lines:
            raise line_error(number, f"is over the limit of {max_lines:,} requests: split the input")
        summary.add(number, len(line), model_of(number, line, seen))
        block += line
        if len(block) >= BLOCK_BYTES:
            digest.update(block)
            target.write(block)
            block.clear()
    if not summary.lines:
        raise GroqInputError("The input has no requests.")
    digest.update(block)
    target.write(block)
    summary.digest = digest.hexdigest()
    return summary
