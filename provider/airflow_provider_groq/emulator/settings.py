"""What can be set about the emulator while it runs."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from airflow_provider_groq.emulator.scripts import problem_of_failing, problem_of_script

READY = "Groq emulator on "
"""What the line begins with that says the emulator is ready; its address follows."""

DEFAULT_SECONDS = 20.0
DEFAULT_SPEED = 1.0
MAX_SPEED = 1_000_000.0
"""At this speed a second is eleven days."""
DEFAULT_CANCELLING_SECONDS = 2.0
DEFAULT_PAGE_SIZE = 20
MAX_IDS = 200
MAX_FILE_BYTES = 100 * 1000 * 1000
MAX_LINES = 50_000

MOST = {"processed_share": 1, "speed": MAX_SPEED}
"""The largest values of numbers that have one."""
FUNCTION_ADDRESS = re.compile(r"\d{1,5}/[\w-]+", re.ASCII)
OUTCOMES = ("completed", "failed", "token_limit_exceeded", "server_error", "expired", "cancelled")
LISTS: dict[str, tuple[Callable[[object], bool], str]] = {
    "models": (lambda entry: isinstance(entry, str), "model names"),
    "outcomes": (lambda entry: entry in OUTCOMES, ", ".join(OUTCOMES)),
}
"""What the entries of settings that are lists must be."""
DEFAULT_MODELS = {
    "openai/gpt-oss-120b": "OpenAI",
    "openai/gpt-oss-20b": "OpenAI",
    "openai/gpt-oss-safeguard-20b": "OpenAI",
    "qwen/qwen3.8-27b": "Alibaba Cloud",
    "whisper-large-v3": "OpenAI",
    "whisper-large-v3-turbo": "OpenAI",
}


@dataclass(frozen=True)
class Settings:
    """The emulator's settings; a batch keeps those it was created under.

    The documentation's page on the emulator says what each of them does.
    """

    seconds: float = DEFAULT_SECONDS
    speed: float = DEFAULT_SPEED
    cancelling_seconds: float = DEFAULT_CANCELLING_SECONDS
    results_delay: float = 0.0
    outcome: str = "completed"
    outcomes: list[str] = field(default_factory=list)
    processed_share: float = 0.5
    failing_requests: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)
    answer_function: str | None = None
    models: list[str] = field(default_factory=lambda: list(DEFAULT_MODELS))
    answer_chars: int = 0
    project_id: str | None = None
    plan_has_batch: bool = True
    foreign_status: int = 404
    max_ids: int = MAX_IDS
    max_file_bytes: int = MAX_FILE_BYTES
    max_lines: int = MAX_LINES
    page_size: int = DEFAULT_PAGE_SIZE
    listing_delay: float = 0.0
    ignore_ids: bool = False
    omit_nulls: bool = False
    blank_ids: bool = False
    errors_as_list: bool = False
    drop_metadata: bool = False

    def updated(self, changes: Mapping[str, Any]) -> "Settings":
        """Return these settings with `changes` made.

        Raises:
            ValueError: A name is unknown, or a value is not of the setting's kind.
        """
        kinds = {setting.name: setting.type for setting in fields(self)}
        for name, value in changes.items():
            if name not in kinds:
                raise ValueError(f"unknown setting {name!r}; known settings: {', '.join(kinds)}")
            if name in PROBLEMS:
                _check_patterns(name, value)
                continue
            problem = _problem(name, kinds[name], value)
            if problem:
                raise ValueError(f"setting {name!r} must be {problem}, not {value!r}")
        return replace(self, **changes)

    def as_dict(self) -> dict[str, Any]:
        """Return all settings by name."""
        return asdict(self)


def _problem(name: str, kind: object, value: object) -> str | None:
    """Say what the value should have been, or None if it is right."""
    if kind is bool:
        return None if isinstance(value, bool) else "true or false"
    if kind in (int, float):
        most = MOST.get(name, math.inf)
        right = type(value) in (int, kind) and isinstance(value, (int, float)) and 0 <= value <= most
        return None if right and value != math.inf else f"a number from 0 to {most}"
    if name == "outcome":
        return None if value in OUTCOMES else f"one of {', '.join(OUTCOMES)}"
    if name in LISTS:
        fits, what = LISTS[name]
        return None if isinstance(value, list) and all(map(fits, value)) else f"a list of {what}"
    if name == "answer_function":
        right = value is None or (isinstance(value, str) and FUNCTION_ADDRESS.fullmatch(value) is not None)
        return None if right else "a port of loopback and a token, such as '8123/token', or null"
    return None if value is None or isinstance(value, str) else "text or null"


PROBLEMS = {"failing_requests": problem_of_failing, "answers": problem_of_script}
"""What is wrong with a value of the settings that go by pattern of `custom_id`."""


def _check_patterns(name: str, value: object) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"setting {name!r} must be an object by pattern of custom_id, not {value!r}")  # noqa: TRY004 - becomes a 400
    for pattern, entry in value.items():
        problem = PROBLEMS[name](entry)
        if problem:
            raise ValueError(f"setting {name!r} for {pattern!r} must be {problem}, not {entry!r}")
