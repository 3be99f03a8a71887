"""What is asked of a batch as a whole: its endpoint, completion window and metadata, and times to wait.

The rules are those of https://console.groq.com/docs/batch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow_provider_groq.exceptions import GroqInputError

ENDPOINTS = ("/v1/chat/completions", "/v1/audio/transcriptions", "/v1/audio/translations")
SHOWN_CHARS = 60
SHORTEST_WINDOW, LONGEST_WINDOW = 24, 7 * 24

MAX_LINES = 50_000
"""The most requests of a batch."""

SPARE_SECONDS = 3600.0
"""Added to the completion window for a deadline: Groq ends a batch at its window's end, about."""

CANCEL_SECONDS = 900.0
"""How long a cancellation is waited for, which Groq says may take 10 minutes."""

LONGEST_SECONDS = 10 * 365 * 86_400.0
"""The longest time that anything can be waited for: 10 years. Dates end in the year 9999."""

MAX_METADATA, MAX_KEY_CHARS, MAX_VALUE_CHARS = 16, 64, 512
"""Limits of a batch's metadata. Groq, which says of none, keeps to OpenAI's API, whose reference has these."""


def window_hours(completion_window: str) -> int:
    """The hours of a completion window such as ``24h`` or ``7d``.

    Raises:
        GroqInputError: It is not of that form, or not from 24 hours to 7 days.
    """
    found = re.fullmatch(r"([0-9]{1,4})([hd])", completion_window) if isinstance(completion_window, str) else None
    hours = int(found[1]) * (24 if found[2] == "d" else 1) if found else 0
    if not SHORTEST_WINDOW <= hours <= LONGEST_WINDOW:
        raise GroqInputError(
            f"completion_window is {shown(completion_window)}, but must be from '24h' to '7d': "
            "a whole number and h or d, without a space."
        )
    return hours


def default_timeout(completion_window: str) -> float:
    """How long a batch is waited for where nothing else is said, in seconds.

    Raises:
        GroqInputError: As for `window_hours`.
    """
    return window_hours(completion_window) * 3600 + SPARE_SECONDS


def seconds(name: str, value: float | timedelta, *, most: float = LONGEST_SECONDS) -> float:
    """A length of time as a number of seconds.

    Args:
        name: The argument that it is given as, for the message.
        value: A number of seconds above 0, or a ``timedelta``.
        most: The highest number of seconds.

    Raises:
        GroqInputError: It is neither, or not above 0, or too long.
    """
    number = value.total_seconds() if isinstance(value, timedelta) else value
    if isinstance(number, bool) or not isinstance(number, (int, float)) or not 0 < number <= most:
        raise GroqInputError(
            f"{name} must be a number of seconds or a timedelta, above 0 and up to {most:,.0f} s, but is "
            f"{shown(value)}."
        )
    return float(number)


def moment(name: str, value: float | timedelta, *, now: float) -> float:
    """A time to come, as Unix time.

    Args:
        name: The argument that it is given as, for the message.
        value: Unix time, or a ``timedelta`` from now.
        now: The present Unix time.

    Raises:
        GroqInputError: It is neither, or too far away.
    """
    if isinstance(value, timedelta):
        return now + seconds(name, value)
    return seconds(name, value, most=now + LONGEST_SECONDS)


def check_flags(**flags: bool) -> None:
    """Check arguments that turn something on or off: any text counts as true, also ``"False"``.

    Args:
        flags: Each by the name of its argument.

    Raises:
        GroqInputError: One is neither True nor False.
    """
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise GroqInputError(f"{name} is {shown(value)}, but must be True or False.")


def check_options(*, endpoint: str, completion_window: str, metadata: Mapping[str, str] | None) -> None:
    """Check what is said of a batch as a whole.

    Raises:
        GroqInputError: Groq would not take it.
    """
    if endpoint not in ENDPOINTS:
        raise GroqInputError(f"endpoint is {shown(endpoint)}, but must be one of {', '.join(ENDPOINTS)}.")
    window_hours(completion_window)
    if metadata is not None:
        _check_metadata(metadata)


def _check_metadata(metadata: Mapping[str, str]) -> None:
    if not isinstance(metadata, Mapping):
        raise GroqInputError(f"metadata must be a dict of text to text, but is {shown(metadata)}.")
    if len(metadata) > MAX_METADATA:
        raise GroqInputError(f"metadata has {len(metadata)} keys, but at most {MAX_METADATA} are allowed.")
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise GroqInputError(
                f"metadata[{shown(key)}] is {shown(value)}, but keys and values must be text: write them as strings."
            )
        if not is_utf8(key + value):
            raise GroqInputError(f"metadata[{shown(key)}] is {shown(value)}, which is not valid Unicode.")
        if len(key) > MAX_KEY_CHARS or len(value) > MAX_VALUE_CHARS:
            raise GroqInputError(
                f"metadata[{shown(key)}] has a key of {len(key)} and a value of {len(value)} characters, but at most "
                f"{MAX_KEY_CHARS} and {MAX_VALUE_CHARS} are allowed."
            )


def is_utf8(text: str) -> bool:
    """Whether a text can be written as UTF-8: a lone surrogate cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def shown(value: Any) -> str:
    """A value for a message, cut short."""
    try:
        text = repr(value)
    except RecursionError:
        text = f"a {type(value).__name__} nested too deeply to be shown"
    except ValueError:  # an integer of more digits than Python writes
        text = f"a {type(value).__name__} too long to be shown"
    return text if len(text) <= SHOWN_CHARS else f"{text[: SHOWN_CHARS - 3]}..."
