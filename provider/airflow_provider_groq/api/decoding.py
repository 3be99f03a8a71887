"""How the bytes of an answer become models: one odd value or item spoils no more than itself."""

from __future__ import annotations

import json
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ValidationError

from airflow_provider_groq.api.models import MAX_ID_CHARS, Page
from airflow_provider_groq.api.text import one_line, plain
from airflow_provider_groq.api.tolerant import Model, warn_once

M = TypeVar("M", bound=BaseModel)
Item = TypeVar("Item", bound=Model)

MAX_AGAIN_BYTES = 4 << 20
"""Larger JSON is not read a second time, which takes more memory; Groq's largest, 200 batches, is a tenth of it."""

MAX_DIGITS = 20
"""A whole number with more of them has more than 64 bits."""


def read_one(kind: type[M], body: bytes) -> M:
    """The model that an answer carries. JSON that pydantic's strict reader refuses is left to the json module.

    Raises:
        ValidationError: It carries none.
    """
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        value = _read_again(body) if error.errors(include_input=False)[0]["type"] == "json_invalid" else None
        if value is None:
            raise
        return kind.model_validate(value)


def _read_again(body: bytes) -> Any:
    """The value of JSON in which something odd spoils no more than itself; None if it is no JSON.

    That is a lone surrogate, bytes that are no UTF-8, a number of thousands of digits, or very deep nesting.
    """
    if len(body) > MAX_AGAIN_BYTES:
        return None
    try:
        return plain(json.loads(body.decode("utf-8-sig", "replace"), parse_int=_whole))
    except (ValueError, RecursionError):
        return None


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) <= MAX_DIGITS else float(digits)


def read_page(kind: type[Item], name: str, body: bytes) -> Page[Item]:
    """A page of a listing, whose items are read one by one. Those that cannot be read are left out, with a warning.

    Args:
        kind: What its items are.
        name: What they are called.
        body: The answer.

    Raises:
        ValidationError: It is not a page, or none of its items has an id: another server sent it.
    """
    page = read_one(Page[Any], body)
    read: list[Item] = []
    left_out: list[Any] = []
    first: ValidationError | None = None
    for item in page.data:
        try:
            read.append(kind.model_validate(item))
        except ValidationError as error:
            first = first or error
            left_out.append(item)
    if first:
        ids = [item["id"] for item in left_out if isinstance(item, dict) and isinstance(item.get("id"), str)]
        if not read and not ids:
            # Not Groq's: says where, and what is wrong.
            return Page[kind].model_validate({"data": left_out[:1]})  # type: ignore[valid-type]
        _warn_of(name, left_out, len(page.data), ids[0] if ids else "", first_problem(first))
    return cast("Page[Item]", page.model_copy(update={"data": tuple(read), "left_out": tuple(left_out)}))


def _warn_of(name: str, left_out: list[Any], of: int, first_id: str, reason: str) -> None:
    warn_once(
        (name, first_id, reason),
        "%d of the %d %s that the server listed cannot be read, and are left out. The first has the id %r (%s).",
        len(left_out),
        of,
        name,
        one_line(first_id, MAX_ID_CHARS),
        reason,
    )


def first_problem(error: ValidationError) -> str:
    """What is wrong first with an answer, and where."""
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))
    return f"{where}: {first['msg']}" if where else first["msg"]
