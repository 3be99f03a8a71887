"""What tests script for single requests: `failing_requests` and `answers`, by pattern of `custom_id`."""

import fnmatch
import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from airflow_provider_groq.emulator.failures import problem_of_failure
from airflow_provider_groq.emulator.json_lines import as_text

T = TypeVar("T")

WILDCARDS = "*?["
ERROR, STATUS, BODY, SEQUENCE = "$error", "$status", "$body", "$sequence"
MAX_STATUS = 599


class Patterns(Generic[T]):
    """Values by pattern of `custom_id`: one that is the id itself comes first, then the first that matches."""

    def __init__(self, values: Mapping[str, T]) -> None:
        self._values = values
        self._patterns = [
            (re.compile(fnmatch.translate(pattern)), value)
            for pattern, value in values.items()
            if any(character in pattern for character in WILDCARDS)
        ]

    def get(self, custom_id: str) -> T | None:
        """Return the value for an id, or None."""
        if custom_id in self._values:
            return self._values[custom_id]
        return next((value for pattern, value in self._patterns if pattern.match(custom_id)), None)


@dataclass(frozen=True)
class Failing:
    """One value of `failing_requests`: how requests fail, and how often one with the same id does."""

    error: int | str
    times: int | None

    @classmethod
    def read(cls, value: Any) -> "Failing":
        """Return what a value that is right asks for."""
        return cls(value["error"], value.get("times")) if isinstance(value, dict) else cls(value, None)


def problem_of_failing(value: object) -> str | None:
    """Say what a value of `failing_requests` should have been, or None if it is right."""
    if not isinstance(value, dict):
        return problem_of_failure(value)
    times = value.get("times", 1)
    if set(value) - {"error", "times"} or "error" not in value:
        return 'an object such as {"error": 500, "times": 1}'
    if type(times) is not int or times < 1:
        return 'an object whose "times" is a number from 1'
    return problem_of_failure(value["error"])


class Sightings:
    """How often each `custom_id` was seen by scripts that depend on it; several threads may count."""

    def __init__(self) -> None:
        self._counts: dict[str, itertools.count[int]] = {}

    def count(self, custom_id: str) -> int:
        """Return how often the id was seen, this time included."""
        return next(self._counts.setdefault(custom_id, itertools.count(1)))


def problem_of_answer(value: Any) -> str | None:
    """Say what a scripted answer should have been, or None if it is right."""
    if not isinstance(value, dict) or not any(name.startswith("$") for name in value):
        return None
    if set(value) == {ERROR}:
        problem = problem_of_failure(value[ERROR])
        return problem and f"{ERROR} with {problem}"
    if BODY not in value or set(value) - {BODY, STATUS} or not isinstance(value[BODY], dict):
        return (
            f'text, JSON, {{"{ERROR}": …}} or {{"{BODY}": {{…}}, "{STATUS}": …}}; '
            "JSON whose names begin with $ goes as text"
        )
    status = value.get(STATUS, 200)
    right = type(status) is int and (status == 200 or 400 <= status <= MAX_STATUS)  # noqa: PLR2004 - as in HTTP
    return None if right else f"{STATUS} 200 or from 400 to {MAX_STATUS}"


def problem_of_script(value: Any) -> str | None:
    """Say what a value of `answers` should have been, or None if it is right: an answer, or a sequence of them."""
    if not isinstance(value, dict) or SEQUENCE not in value:
        return problem_of_answer(value)
    turns = value[SEQUENCE]
    if len(value) > 1 or not isinstance(turns, list) or not turns:
        return f'an object with nothing but "{SEQUENCE}", a list of at least one answer'
    return next((problem for turn in turns if (problem := problem_of_answer(turn))), None)


def special(value: object) -> dict[str, Any]:
    """Return what a scripted answer says with `$` names; empty for one that is the text or JSON of a message."""
    return value if isinstance(value, dict) and (ERROR in value or BODY in value) else {}


def content_of(value: object) -> str:
    """Return a scripted answer as the text of a message: JSON unless it is text."""
    return value if isinstance(value, str) else as_text(value)
