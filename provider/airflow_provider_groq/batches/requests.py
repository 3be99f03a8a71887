"""The input of a batch, checked line by line before anything is sent.

The rules are those of https://console.groq.com/docs/batch.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from airflow_provider_groq.batches.options import ENDPOINTS, shown
from airflow_provider_groq.exceptions import GroqInputError

MAX_LINES = 50_000


@dataclass(slots=True)
class Summary:
    """What was found in an input.

    Attributes:
        lines: The number of requests.
        bytes: Their size as a file.
        models: How many requests name each model.
        first_lines: For each model, the number of the first line that names it, from 1.
        digest: What tells this input from any other: the SHA-256 of those bytes, in hexadecimal.
    """

    lines: int = 0
    bytes: int = 0
    models: Counter[str] = field(default_factory=Counter)
    first_lines: dict[str, int] = field(default_factory=dict)
    digest: str = ""

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
            raise _line_error(number, f"a request must be a JSON object, but is {shown(request)}")
        filled = {"method": "POST", "url": endpoint, **request}
        try:
            yield _dumps(filled) + b"\n"
        except (TypeError, ValueError, RecursionError) as error:
            raise _line_error(number, f"cannot be written as JSON: {error}") from None


def read_lines(source: BinaryIO, *, max_bytes: int) -> Iterator[bytes]:
    """Give the lines of an open file, none longer than the largest file."""
    while line := source.readline(max_bytes + 1):
        yield line


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
    seen: dict[str, int] = {}
    blank = 0
    for number, raw in enumerate(lines, 1):
        line = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
        if line.strip() and not line.endswith(b"\n"):
            line += b"\n"
        if summary.bytes + len(line) > max_bytes:
            raise GroqInputError(
                f"The input is larger than {max_bytes:,} bytes, which is reached in line {number:,}. Split it "
                "into several batches (max_file_bytes in the connection's extra is this limit).",
                line=number,
            )
        if not line.strip():
            blank = blank or number
            continue
        if blank:
            raise _line_error(blank, "is empty, and requests follow it: remove the empty line")
        if number > max_lines:
            raise _line_error(number, f"is over the limit of {max_lines:,} requests: split the input")
        model = _check(number, line, seen)
        summary.models[model] += 1
        summary.first_lines.setdefault(model, number)
        summary.lines += 1
        summary.bytes += len(line)
        digest.update(line)
        target.write(line)
    if not summary.lines:
        raise GroqInputError("The input holds no requests.")
    summary.digest = digest.hexdigest()
    return summary


def _check(number: int, line: bytes, seen: dict[str, int]) -> str:
    """Check one request against Groq's rules and those before it, and return its model."""
    request = _loads(number, line)
    for name, kind, is_right, wanted in FIELDS:
        if name not in request:
            raise _line_error(number, f"{name} is missing; it must be {wanted}")
        if not isinstance(request[name], kind) or not is_right(request[name]):
            raise _line_error(number, f"{name} is {shown(request[name])}, but must be {wanted}")
    body = request["body"]
    if not isinstance(body.get("model"), str) or not body["model"]:
        raise _line_error(number, f"body.model is {shown(body.get('model'))}, but must name a model")
    if body.get("stream"):
        raise _line_error(number, f"body.stream is {shown(body['stream'])}, but a batch cannot stream: leave it out")
    first = seen.setdefault(request["custom_id"], number)
    if first != number:
        raise _line_error(
            number,
            f"custom_id {shown(request['custom_id'])} was already used in line {first:,}, but must be unique",
        )
    return str(body["model"])


FIELDS: tuple[tuple[str, type, Callable[[Any], bool], str], ...] = (
    ("custom_id", str, bool, "text that is not empty"),
    ("method", str, lambda value: value == "POST", "'POST'"),
    ("url", str, lambda value: value in ENDPOINTS, f"one of {', '.join(ENDPOINTS)}"),
    ("body", dict, lambda _: True, "a JSON object"),
)


def _loads(number: int, line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        text = line[:80].decode("utf-8", "replace").strip()
        raise _line_error(number, f"is not JSON ({error}): {text!r}") from None
    if not isinstance(value, dict):
        raise _line_error(number, f"must be a JSON object, but is {shown(value)}")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


def _dumps(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # a lone surrogate can stand in JSON only as an escape
        return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()


def _line_error(number: int, problem: str) -> GroqInputError:
    return GroqInputError(f"Line {number:,}: {problem}.", line=number)
