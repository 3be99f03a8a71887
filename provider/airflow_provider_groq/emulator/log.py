"""The log of the requests that reached the emulated API."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from starlette.types import Scope

MAX_ENTRIES = 100_000


@dataclass
class Entry:
    """One request; `status` stays None if no answer was sent, `fault` is the id of the fault that applied."""

    method: str
    path: str
    query: str
    time: float
    status: int | None = None
    fault: int | None = None


class RequestLog:
    """The latest requests, oldest first."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=MAX_ENTRIES)

    def start(self, scope: Scope, now: float) -> Entry:
        """Note a request that begins; its status is filled in later."""
        entry = Entry(scope["method"], scope["path"], scope["query_string"].decode("latin-1"), now)
        self._entries.append(entry)
        return entry

    def clear(self) -> None:
        """Forget all requests."""
        self._entries.clear()

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)
