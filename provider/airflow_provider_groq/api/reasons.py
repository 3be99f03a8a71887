"""What a server says went wrong, in whichever shape it says so."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from airflow_provider_groq.api.text import as_text

WRAPPERS = ("error", "errors", "data", "detail", "details", "message")
"""Keys below which there may be further objects, or lists of them. Below the first two, a text is one of its own."""

TEXTS = ("message", "msg", "detail", "details", "title", "description", "reason", "error_message", "error_description")
"""Keys of a text that says what went wrong, the best known first."""

ABOUT = ("code", "type", "param", "line")
"""What Groq says of an error beside its message."""

NOT_SAID = {*ABOUT, "object", "status", "loc"}
"""Keys that say nothing by themselves."""

MAX_DEPTH = 8
"""What is nested deeper is given as its JSON."""


def reasons(said: Any, *, depth: int = 0) -> Iterator[dict[str, Any]]:
    """Each thing that went wrong, as an object with the ``message``, ``code``, ``param`` and ``line`` of Groq's.

    Servers send the list object of Groq's SDK, the bare list of its documentation, one object, one text, a list of
    texts, any of these below ``error``, ``errors`` or ``detail``, or messages by field. Each message is given,
    whatever the shape. ``message`` is a text, or None if there is only a code.

    Args:
        said: The JSON of an error's body, or of a batch's ``errors``.
        depth: How deep it is nested already.
    """
    if not said or isinstance(said, bool):
        return
    if isinstance(said, dict) and depth < MAX_DEPTH:
        yield from _of_object(said, depth + 1)
    elif isinstance(said, list) and depth < MAX_DEPTH:
        for item in said:
            yield from reasons(item, depth=depth + 1)
    else:
        yield {"message": as_text(said)}


def _of_object(said: dict[str, Any], depth: int) -> Iterator[dict[str, Any]]:
    wrapped = [key for key in WRAPPERS if isinstance(said.get(key), dict | list) or key in WRAPPERS[:2]]
    inner = (reason for key in wrapped for reason in reasons(said.get(key), depth=depth))
    first = next(inner, None)
    own = {key: value for key, value in said.items() if key not in wrapped}
    about = {key: own[key] for key in ABOUT if own.get(key) is not None}
    message = _message(own)
    fields = [] if message or first else list(_by_field(own, depth))
    if about and fields:
        message, fields = "; ".join(reason["message"] for reason in fields), []
    if message or (about and not first):
        yield own | {"message": message}
    yield from fields
    if first:
        for reason in chain([first], inner):
            yield about | reason


def _message(own: dict[str, Any]) -> str | None:
    texts = [as_text(own[key]) for key in TEXTS if own.get(key)]
    if not texts:
        return None
    place = own.get("loc")
    where = ".".join(map(as_text, place)) if isinstance(place, list) else ""
    return (f"{where}: " if where else "") + "; ".join(dict.fromkeys(texts))


def _by_field(own: dict[str, Any], depth: int) -> Iterator[dict[str, Any]]:
    """Messages by field, such as the fields of a form."""
    for key, value in own.items():
        if key not in NOT_SAID and isinstance(value, str | dict | list):
            for reason in reasons(value, depth=depth):
                yield reason | {"message": f"{key}: {reason['message']}" if reason["message"] else key}
