"""Forms in which servers send what Groq sends in one form."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from airflow_provider_groq.api.text import LARGEST, as_text


def seconds(value: Any) -> int | None:
    """Unix seconds of a time in text (ISO 8601, in UTC unless it says otherwise), or with fractions."""
    try:
        moment = _moments().validate_python(value)
    except ValidationError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    since_1970 = int(aware.timestamp())
    return since_1970 if since_1970 > 0 else None


@cache
def _moments() -> TypeAdapter[datetime]:
    return TypeAdapter(datetime)


def id_text(value: Any) -> str | None:
    """An id that is a number, the ``id`` of an object, or alone in a list."""
    match value:
        case [str(only)] | {"id": str(only)}:
            return only
        case int() if not isinstance(value, bool) and 0 <= value <= LARGEST:
            return str(value)
    return None


def texts(value: Any) -> Any:
    """Metadata as text: what others put there may be a number, or an object. None of it is an empty object."""
    return {key: as_text(item) for key, item in value.items()} if isinstance(value, dict) else value or {}


def metadata(value: Any) -> dict[str, str] | None:
    """Metadata in a list of pairs, of objects with key and value, or of small objects; or any of it as JSON in text."""
    return dict(_pairs(from_text(value))) or None


def _pairs(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        yield from texts(value).items()
        return
    for item in value if isinstance(value, list) else ():
        match item:
            case [str(key), text] | {"key": str(key), "value": text} | {"name": str(key), "value": text}:
                yield key, as_text(text)
            case dict():
                yield from texts(item).items()


def from_text(value: Any) -> Any:
    """The value, or that of which it is the JSON in text; None if that is no JSON."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return None
