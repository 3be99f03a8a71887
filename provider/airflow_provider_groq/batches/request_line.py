"""One request of an input, checked against Groq's rules.

The rules are those of https://console.groq.com/docs/batch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from airflow_provider_groq.batches import json_lines
from airflow_provider_groq.batches.options import ENDPOINTS, shown
from airflow_provider_groq.exceptions import GroqInputError

FIELDS: tuple[tuple[str, type, Callable[[Any], bool], str], ...] = (
    ("custom_id", str, bool, "non-empty text"),
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


_requests = json_lines.Reader(_Request)


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
    try:
        request = json_lines.loads(line)
    except ValueError as error:
        raise line_error(number, str(error)) from None
    if not isinstance(request, dict):
        raise line_error(number, f"must be a JSON object, but is {shown(request)}")
    if wrong := problem(request):
        raise line_error(number, wrong)
    return request["custom_id"], request["body"]["model"]


def problem(request: Mapping[str, Any]) -> str | None:
    """What is wrong with a request by Groq's rules, for a message; None if nothing is."""
    for name, kind, is_right, wanted in FIELDS:
        if name not in request:
            return f"{name} is missing; it must be {wanted}"
        if not isinstance(request[name], kind) or not is_right(request[name]):
            return f"{name} is {shown(request[name])}, but must be {wanted}"
    body = request["body"]
    if not isinstance(body.get("model"), str) or not body["model"]:
        return f"body.model is {shown(body.get('model'))}, but must name a model"
    if body.get("stream"):
        return f"body.stream is {shown(body['stream'])}, but a batch cannot stream: remove it"
    return None


def line_error(number: int, problem: str) -> GroqInputError:
    """An error that names the line."""
    return GroqInputError(f"Line {number:,}: {problem}.", line=number)
