"""Values of rows as JSON: which ones are allowed, and their bytes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from airflow_provider_groq.api.text import without_surrogates
from airflow_provider_groq.batches import json_lines
from airflow_provider_groq.batches.options import shown
from airflow_provider_groq.jobs.requests.problems import RowProblem

AS_THEY_ARE = frozenset({str, int, bool, type(None)})
"""The types of most values, which JSON has."""

SCALARS = frozenset("biuf")
"""The kinds of numpy's scalars that JSON has: truth values, integers, numbers."""

_encode = msgspec.json.Encoder().encode


def encode(value: Any) -> bytes:
    """A value that `plain` gave, or a text, as JSON in one line, without its end; a lone surrogate becomes an escape.

    Raises:
        RowProblem: It holds an integer of more digits than Python writes.
    """
    try:
        text = _encode(value)
    except (ValueError, OverflowError):  # a lone surrogate; a long integer, in older releases of msgspec
        return _encode_any(value)
    return text if text.isascii() else json_lines.escape_ends(text)


def _encode_any(value: Any) -> bytes:
    try:
        return json_lines.write(value)[:-1]
    except ValueError as error:
        raise RowProblem(f"cannot be written as JSON: {error}") from None


def encode_columns(columns: Mapping[str, Any]) -> bytes:
    """The columns of a row as JSON; a lone surrogate becomes U+FFFD, as in answers, since not every reader takes it.

    Raises:
        RowProblem: The value of one cannot be written; names the column.
    """
    for name, value in columns.items():
        if value.__class__ not in AS_THEY_ARE or name.__class__ is not str:
            columns = plain_columns(columns)
            break
    try:
        text = _encode(columns)
    except (ValueError, OverflowError):  # as above
        return _encode_any(_without_surrogates(columns))
    return text if text.isascii() else json_lines.escape_ends(text)


def _without_surrogates(columns: Mapping[str, Any]) -> Any:
    try:
        return json.loads(without_surrogates(json.dumps(columns, ensure_ascii=False)))
    except ValueError as error:
        raise RowProblem(f"cannot be written as JSON: {error}") from None


def plain_columns(columns: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a row, each as JSON has it.

    Raises:
        RowProblem: The value of one cannot be written; names the column.
    """
    return {_key(name): plain(value, f"column {name!r}") for name, value in columns.items()}


def plain(value: Any, where: str) -> Any:
    """A value as JSON has it: dates, decimals and UUIDs as text, copies of lists and mappings.

    Args:
        value: Any.
        where: What holds it, for the error.

    Raises:
        RowProblem: JSON has no form for it, or for something in it.
    """
    try:
        return _plain(value, where)
    except RecursionError:
        raise RowProblem(f"{where} is nested too deeply, or contains itself") from None


def _plain(value: Any, where: str) -> Any:
    if type(value) in AS_THEY_ARE:
        return value
    if isinstance(value, Mapping):
        return {_key(key): _plain(item, f"{where}[{key!r}]") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item, f"{where}[{number}]") for number, item in enumerate(value)]
    if getattr(getattr(value, "dtype", None), "kind", None) in SCALARS and getattr(value, "shape", None) == ():
        value = value.item()
    written = _scalar(value)
    if written is None:
        raise RowProblem(
            f"{where} is {shown(value)} ({type(value).__name__}), which cannot be written as JSON: use text, a number, "
            "None, a date, or a list or mapping of these"
        )
    return written


def _scalar(value: Any) -> str | int | float | None:
    """A value that holds no others, as JSON has it; None if it has no form for it."""
    if isinstance(value, str):  # and no more than that: an enumeration's member is its text
        return str.__str__(value)
    if isinstance(value, int):
        return value if isinstance(value, bool) else int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, (date, time)):
        return value.isoformat() if value == value else None  # noqa: PLR0124 - pandas' NaT is a date
    if isinstance(value, Decimal):
        return str(value) if value.is_finite() else None
    return str(value) if isinstance(value, UUID) else None


def _key(name: Any) -> str:
    if not isinstance(name, str):
        raise RowProblem(f"has the key {shown(name)}, but the names of columns and all keys must be text")
    return str.__str__(name)
