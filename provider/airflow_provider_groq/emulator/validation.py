"""The check of a batch's input file, line by line, as Groq does it after the batch was created."""

import random
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_groq.emulator.json_lines import parse

ENDPOINTS = ("/v1/chat/completions", "/v1/audio/transcriptions", "/v1/audio/translations")
MAX_ERRORS = 100
"""So many errors are listed at most: a file of 50,000 bad lines must not make a batch of megabytes."""
BLOCK_BYTES = 1 << 20
"""Lines are read in blocks, also for their answers."""

Request = dict[str, Any]
BatchError = dict[str, object]


ANSWERED, FAILED, MISSING, LOST = range(4)
"""How a request ends: with a line in the output file or in the error file; or with none, counted as completed (lost) or
not (missing)."""


@dataclass(frozen=True)
class Scan:
    """What one pass over an input file found.

    Args:
        errors: What is wrong with it, at most MAX_ERRORS.
        offsets: Where each line begins, and where the last one ends (bytes).
        order: The numbers of the lines in the order in which their requests are processed.
        ends: How the requests end, in that order.
    """

    errors: list[BatchError]
    offsets: "array[int]"
    order: "array[int]"
    ends: bytes

    @property
    def total(self) -> int:
        """The number of requests."""
        return len(self.order)

    def count(self, end: int, processed: int) -> int:
        """Return how many of the first requests processed end in one way."""
        return self.ends.count(end, 0, processed)


def scan(path: Path, *, seed: str, max_lines: int, decide: Callable[[Request], int]) -> Scan:
    """Check an input file, holding one line at a time.

    Args:
        path: The file.
        seed: What the order of processing is drawn from.
        max_lines: How many lines a file may have.
        decide: Says how a valid request is going to end.
    """
    errors: list[BatchError] = []
    offsets = array("Q", [0])
    ends = bytearray()
    seen: set[str] = set()
    position = 0
    with path.open("rb", buffering=BLOCK_BYTES) as file:
        for number, line in enumerate(file, start=1):
            if number > max_lines:
                message = f"The input file has more than {max_lines} lines."
                errors = [batch_error("too_many_lines", message, None, None)]
                break
            request = _check(line, number, seen, errors)
            ends.append(FAILED if request is None else decide(request))
            position += len(line)
            offsets.append(position)
    if not ends:
        errors.append(batch_error("empty_file", "The input file is empty.", None, None))
    order = _order(offsets, seed)
    return Scan(errors[:MAX_ERRORS], offsets, order, bytes(map(ends.__getitem__, order)))


def batch_error(code: str, message: str, line: int | None, param: str | None) -> BatchError:
    """Return one entry of a batch's errors."""
    return {"code": code, "line": line, "message": message, "param": param}


def _check(line: bytes, number: int, seen: set[str], errors: list[BatchError]) -> Request | None:
    """Return the line's request, or None and add what is wrong with it to the errors."""
    try:
        request = parse(line)
    except ValueError:
        errors.append(batch_error("invalid_json_line", "This line is not parseable as valid JSON.", number, None))
        return None
    if not isinstance(request, dict):
        errors.append(batch_error("invalid_json_line", "This line is not a JSON object.", number, None))
        return None
    problem = _custom_id_problem(request, seen) or _request_problem(request)
    if problem is None:
        return request
    code, message, param = problem
    if len(errors) < MAX_ERRORS:
        errors.append(batch_error(code, message, number, param))
    return None


Problem = tuple[str, str, str]


def _custom_id_problem(request: Request, seen: set[str]) -> Problem | None:
    custom_id = request.get("custom_id")
    if custom_id is None or custom_id == "":
        return _missing("custom_id")
    if not isinstance(custom_id, str):
        return "invalid_type", "custom_id must be a string.", "custom_id"
    if custom_id in seen:
        message = f"The custom_id '{custom_id}' is used more than once; it must be unique in a batch."
        return "duplicate_custom_id", message, "custom_id"
    seen.add(custom_id)
    return None


def _request_problem(request: Request) -> Problem | None:
    for name in ("method", "url", "body"):
        if request.get(name) is None:
            return _missing(name)
    if request["method"] != "POST":
        return "invalid_method", f"The method {request['method']!r} is not supported; use POST.", "method"
    if request["url"] not in ENDPOINTS:
        message = f"The url {request['url']!r} is not supported; use one of {', '.join(ENDPOINTS)}."
        return "invalid_url", message, "url"
    return _body_problem(request["body"])


def _body_problem(body: object) -> Problem | None:
    if not isinstance(body, dict):
        return "invalid_type", "body must be an object.", "body"
    if not isinstance(body.get("model"), str) or not body["model"]:
        return _missing("body.model")
    if body.get("stream"):
        return "unsupported_parameter", "Streaming is not supported in a batch.", "body.stream"
    return None


def _missing(name: str) -> Problem:
    return "missing_required_parameter", f"Missing required parameter: '{name}'.", name


def _order(offsets: "array[int]", seed: str) -> "array[int]":
    """Return the lines in another order, where those of one block follow one another."""
    drawn = random.Random(seed)
    blocks: dict[int, list[int]] = {}
    for index, start in enumerate(offsets[:-1]):
        blocks.setdefault(start // BLOCK_BYTES, []).append(index)
    shuffled = list(blocks.values())
    drawn.shuffle(shuffled)
    order = array("I")
    for block in shuffled:
        drawn.shuffle(block)
        order.extend(block)
    if len(order) > 1 and all(place == index for place, index in enumerate(order)):
        order.reverse()  # a caller that relies on the order is to be found out at any size
    return order
