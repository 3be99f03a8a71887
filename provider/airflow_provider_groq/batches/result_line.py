"""One line of a batch's output or error file: the outcome of its request, and why it failed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from airflow_provider_groq.api.bodies import is_too_wide
from airflow_provider_groq.api.reasons import reasons
from airflow_provider_groq.api.text import as_text

OK = 200

OTHER_ENDS = {"batch_expired": "expired", "batch_cancelled": "cancelled", "batch_canceled": "cancelled"}
"""What became of a request by its error's code; any other code is a failure."""


class Reason(NamedTuple):
    """Why a request failed.

    Attributes:
        status: The HTTP status of its response, if it had one.
        code: Groq's code, or the type of the error where it has none.
        message: What went wrong.
    """

    status: int | None
    code: str | None
    message: str | None


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
    return OTHER_ENDS.get(reason_of(row).code or "", "failed")


def body_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a row's response; empty if there is none."""
    body = _response(row).get("body")
    return body if isinstance(body, dict) else {}


def reason_of(row: Mapping[str, Any]) -> Reason:
    """Why the request of a row failed: what ``error`` says, or else the body of its response."""
    response = _response(row)
    status, said = response.get("status_code"), row.get("error")
    body = response.get("body")
    first = next(reasons(said), None) or next(reasons(body if isinstance(body, dict | list | str) else None), {})
    code = first.get("code") or first.get("type")
    return Reason(
        status if type(status) is int else None,
        as_text(code) if isinstance(code, str | int) and code else None,
        first.get("message"),
    )


def _response(row: Mapping[str, Any]) -> Mapping[str, Any]:
    response = row.get("response")
    return response if isinstance(response, dict) else {}
