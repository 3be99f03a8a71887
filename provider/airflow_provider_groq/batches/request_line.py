"""One request of an input, checked against Groq's rules.

The rules are those of https://console.groq.com/docs/batch.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec

from airflow_provider_groq.batches.json_lines import Reader
from airflow_provider_groq.batches.options import ENDPOINTS, shown
from airflow_provider_groq.exceptions import GroqInputError

FIELDS: tuple[tuple[str, type, Callable[[Any], bool], str], ...] = (
    ("custom_id", str, bool, "text that is not empty"),
    ("method", str, lambda value: value == "POST", "'POST'"),
    ("url", str, lambda value: value in ENDPOINTS, f"one of {', '.join(ENDPOINTS)}"),
    ("body", dict, lambda _: True, "a JSON object"),
)


class _Body(msgspec.Struct, gc=False):
    model: str
    stream: bool | None = None


class _Request(msgspec.Struct, gc=False):
    custom_id: str
    method: str
    url: str
    body: _Body


_requests = Reader(_Request)


def model_of(number: int, line: bytes, seen: dict[str, int]) -> str:
    """Check one request against Groq's rules and those before it, and return its model.

    Args:
        number: The number of its line.
        line: The line.
        seen: In which lines the ids before it stand; its own is added.

    Raises:
        GroqInputError: What is wrong with it, with the line's number.
    """
    request = _requests.read(line)
    if (
        request is not None
        and request.custom_id
        and request.method == "POST"
        and request.url in ENDPOINTS
        and request.body.model
        and not request.body.stream
    ):
        custom_id, model = request.custom_id, request.body.model
    else:
        custom_id, model = _judged(number, line)
    first = seen.setdefault(custom_id, number)
    if first != number:
        raise line_error(number, f"custom_id {shown(custom_id)} was already used in line {first:,}, but must be unique")
    return model


def _judged(number: int, line: bytes) -> tuple[str, str]:
    """The ``custom_id`` and the model of a request, or what is wrong with it."""
    request = _loads(number, line)
    for name, kind, is_right, wanted in FIELDS:
        if name not in request:
            raise line_error(number, f"{name} is missing; it must be {wanted}")
        if not isinstance(request[name], kind) or not is_right(request[name]):
            raise line_error(number, f"{name} is {shown(request[name])}, but must be {wanted}")
    body = request["body"]
    if not isinstance(body.get("model"), str) or not body["model"]:
        raise line_error(number, f"body.model is {shown(body.get('model'))}, but must name a model")
    if body.get("stream"):
        raise line_error(number, f"body.stream is {shown(body['stream'])}, but a batch cannot stream: leave it out")
    return request["custom_id"], body["model"]


def _loads(number: int, line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        text = line[:80].decode("utf-8", "replace").strip()
        raise line_error(number, f"is not JSON ({error}): {text!r}") from None
    if not isinstance(value, dict):
        raise line_error(number, f"must be a JSON object, but is {shown(value)}")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")


def line_error(number: int, problem: str) -> GroqInputError:
    """An error that names the line."""
    return GroqInputError(f"Line {number:,}: {problem}.", line=number)
