"""Scripted faults: which request goes wrong, and how."""

import itertools
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

API_PREFIX = "/openai/v1"
DROPS = ("before", "after", "middle")
METHODS = ("*", "GET", "POST", "DELETE")
"""Those of Groq's API."""

LEAST_STATUS, MOST_STATUS = 200, 599


@dataclass
class Fault:
    """One scripted fault; the documentation's page on the emulator says what each field does."""

    path: str = "**"
    method: str = "*"
    times: int | None = 1
    skip: int = 0
    for_seconds: float | None = None
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None
    json: Any = None
    content_type: str | None = None
    takes_effect: bool = False
    delay: float = 0.0
    drop: str | None = None
    merge: dict[str, Any] | None = None
    id: int = 0
    scripted_at: float = 0.0
    used: int = 0

    def matches(self, method: str, path: str) -> bool:
        """Whether the fault is meant for such a request."""
        if self.method not in ("*", method):
            return False
        pattern = _pattern(self.path)
        return any(pattern.fullmatch(candidate) for candidate in (path, path.removeprefix(API_PREFIX)))

    def is_over(self, now: float) -> bool:
        """Whether the fault has happened as often, or for as long, as it was to."""
        if self.times is not None and self.used >= self.times:
            return True
        return self.for_seconds is not None and now >= self.scripted_at + self.for_seconds


SCRIPTABLE: dict[str, type | tuple[type, ...]] = {
    "path": str,
    "method": str,
    "times": (int, type(None)),
    "skip": int,
    "for_seconds": (int, float, type(None)),
    "status": (int, type(None)),
    "headers": dict,
    "body": (str, type(None)),
    "json": object,
    "content_type": (str, type(None)),
    "takes_effect": bool,
    "delay": (int, float),
    "drop": (str, type(None)),
    "merge": (dict, type(None)),
}


class Faults:
    """The scripted faults, in the order in which they are tried."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._ids = itertools.count(1)

    def add(self, described: Mapping[str, Any], now: float) -> Fault:
        """Script a fault.

        Raises:
            ValueError: A field is unknown, of the wrong kind, or the fault does nothing.
        """
        for name, value in described.items():
            if name not in SCRIPTABLE:
                raise ValueError(f"unknown field {name!r} of a fault; known fields: {', '.join(SCRIPTABLE)}")
            if not isinstance(value, SCRIPTABLE[name]):
                raise ValueError(f"field {name!r} of a fault cannot be {value!r}")  # noqa: TRY004 - becomes a 400
        headers = {name: str(value) for name, value in described.get("headers", {}).items()}
        method = described.get("method", "*").upper()
        fault = Fault(**{**described, "headers": headers, "method": method}, id=next(self._ids), scripted_at=now)
        _check_can_happen(fault)
        if fault.drop not in (None, *DROPS):
            raise ValueError(f"drop must be one of {', '.join(DROPS)}, not {fault.drop!r}")
        if fault.status is None and (fault.body is not None or fault.json is not None):
            fault.status = 200
        if fault.status is None and not (fault.drop or fault.delay or fault.merge):
            raise ValueError("a fault needs a status, body, json, delay, drop or merge")
        self._faults.append(fault)
        return fault

    def take(self, method: str, path: str, now: float) -> Fault | None:
        """Return the fault that befalls a request, and count it as used."""
        for fault in self._faults:
            if not fault.is_over(now) and fault.matches(method, path):
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.used += 1
                return fault
        return None

    def remove(self, fault_id: int) -> bool:
        """Remove one fault; return whether there was one."""
        before = len(self._faults)
        self._faults = [fault for fault in self._faults if fault.id != fault_id]
        return len(self._faults) < before

    def clear(self) -> None:
        """Remove all faults."""
        self._faults.clear()

    def as_dicts(self) -> list[dict[str, Any]]:
        """Return the faults, those that are over too."""
        return [asdict(fault) for fault in self._faults]


def _check_can_happen(fault: Fault) -> None:
    """Refuse what would never befall a request: the test that scripts it would show nothing."""
    if fault.method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, not {fault.method!r}")
    if not fault.path.startswith(("/", "*")):
        raise ValueError(f"path must begin with / or *, not be {fault.path!r}")
    if fault.status is not None and not LEAST_STATUS <= fault.status <= MOST_STATUS:
        raise ValueError(f"status must be from {LEAST_STATUS} to {MOST_STATUS}, not {fault.status}")
    for name, least in (("times", 1), ("skip", 0), ("delay", 0)):
        value = getattr(fault, name)
        if value is not None and not value >= least:
            raise ValueError(f"{name} must be at least {least}, not {value}")
    if fault.for_seconds is not None and not fault.for_seconds > 0:
        raise ValueError(f"for_seconds must be above 0, not {fault.for_seconds}")


def _pattern(glob: str) -> re.Pattern[str]:
    """Return the pattern of a path: `*` stands for anything but a slash, `**` for anything."""
    parts = re.split(r"(\*\*|\*)", glob)
    meanings = {"*": "[^/]*", "**": ".*"}
    return re.compile("".join(meanings.get(part, re.escape(part)) for part in parts))
