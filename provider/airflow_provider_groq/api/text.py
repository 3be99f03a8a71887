"""Text for lines of the log; text of servers, made fit for them and for JSON that is passed on."""

from __future__ import annotations

import json
import math
from typing import Any

MAX_DEPTH = 50
"""How deep JSON that goes on elsewhere may be nested."""

SMALLEST, LARGEST = -(2**63), 2**63 - 1
"""The numbers that every reader of JSON and MessagePack takes."""


def one_line(text: str, longest: int) -> str:
    """The text in one line, of at most so many characters, and without any that cannot be printed.

    Else a server could write lines of its own into the log, or colour them, and a lone surrogate cannot
    be written at all.
    """
    words = " ".join(text[: 8 * longest].split())[:longest].rstrip()
    return "".join(character if character.isprintable() else "\ufffd" for character in words)


def counted(number: int, one: str, many: str) -> str:
    """A number of things in words, such as "1 batch" and "1,000 batches"."""
    return f"{number:,} {one if number == 1 else many}"


def without_surrogates(text: str) -> str:
    """The text without lone surrogates, which no reader of JSON has to take: each becomes U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def as_text(value: Any) -> str:
    """Any JSON as text: text as it is, else the JSON."""
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return "(nested too deeply to be shown)"


def plain(value: Any, *, deep: int = MAX_DEPTH) -> Any:
    """The value as JSON that everybody can read: Airflow's messages between processes, and its database.

    A number that is none or has more than 64 bits, what is nested deeper than `deep`, and what JSON does not have
    become None. NUL and lone surrogates in text become U+FFFD.
    """
    if isinstance(value, str):
        return _plain_text(value)
    if isinstance(value, dict):
        return {_plain_text(str(key)): plain(item, deep=deep - 1) for key, item in value.items()} if deep else None
    if isinstance(value, list | tuple):
        return [plain(item, deep=deep - 1) for item in value] if deep else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, int) and SMALLEST <= value <= LARGEST else None


def _plain_text(text: str) -> str:
    return without_surrogates(text).replace("\0", "\ufffd")
