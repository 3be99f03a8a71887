"""What can go wrong with each call, and what follows.

`test_fault_table` makes each of these faults happen; `fault_page` makes a page of the documentation of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from hooks.fault_calls import Endpoint

from airflow_provider_groq.api import retry
from airflow_provider_groq.api.settings import LONGEST_CONNECTING, Settings
from airflow_provider_groq.batches import polling
from airflow_provider_groq.exceptions import (
    GroqAPIError,
    GroqError,
    GroqNotFoundError,
    GroqRateLimitError,
    GroqResponseError,
    GroqTransportError,
)

DEFAULTS = Settings("gsk_any")
ATTEMPTS = DEFAULTS.max_retries + 1
GRACE = polling.NOT_FOUND_GRACE + polling.FIRST_PAUSE
"""For so long what is not found is asked for, by operators and waits."""


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        name: What it is.
        error: What it ends in, if it does not pass.
        said: What is read then, one of these; ``…`` stands for anything.
        script: How the emulator makes it happen.
        nobody: Whether nothing is there to talk to: ``refuses`` or ``is silent``.
        again: Whether the client sends the call again.
        refusal: Whether it is certain that nothing was done.
        takes_effect: Whether something was done, as a rule.
        limit: Seconds that an attempt takes at most.
        at_once: Whether as a rule it takes none.
        asked: Seconds to wait that the server asks for.
    """

    name: str
    error: type[GroqError]
    said: tuple[str, ...]
    script: Callable[[], Mapping[str, Any]] = dict
    nobody: str = ""
    again: bool = True
    refusal: bool = False
    takes_effect: bool = False
    limit: float = DEFAULTS.timeout
    at_once: bool = True
    asked: float | None = None

    def is_sent_again(self, endpoint: Endpoint) -> bool:
        return self.again and (self.refusal or not endpoint.creates)

    def attempts(self, endpoint: Endpoint) -> int:
        """How often the call is sent, if the fault does not pass."""
        return ATTEMPTS if self.is_sent_again(endpoint) else 1

    def pauses(self, attempts: int) -> float:
        """Seconds between the attempts at most."""
        if self.asked is not None:
            return (attempts - 1) * retry.LONGEST_RETRY_AFTER
        return sum(min(retry.LONGEST_DELAY, retry.FIRST_DELAY * 2**number) for number in range(attempts - 1))

    def as_a_rule(self, attempts: int) -> float:
        """Seconds until the error, if the server does not take its time."""
        return self.pauses(attempts) + (0.0 if self.at_once else attempts * self.limit)

    def at_most(self, attempts: int) -> float:
        """Seconds until the error at most."""
        return self.pauses(attempts) + attempts * self.limit


def answers(status: int, message: str, retry_after: Callable[[], str] | None = None) -> Callable[[], Mapping[str, Any]]:
    """A fault of the emulator: an error as Groq sends it."""
    error = {"message": message, "type": "internal_server_error" if status >= 500 else "invalid_request_error"}
    return lambda: {
        "status": status,
        "json": {"error": error},
        "headers": {"Retry-After": retry_after()} if retry_after else {},
    }


def busy(status: int, message: str, **more: Any) -> Fault:
    """An error that passes."""
    said = (f"{{call}} returned {status}: {message}",)
    return Fault(
        **{"name": str(status), "error": GroqAPIError, "said": said, "script": answers(status, message)} | more
    )


def put_off(name: str, status: int, message: str, retry_after: Callable[[], str], **more: Any) -> Fault:
    """The server has too much to do, and says for how long."""
    script = answers(status, message, retry_after)
    return busy(status, message, name=name, script=script, refusal=True, asked=7.0, **more)


def limited(name: str, retry_after: Callable[[], str]) -> Fault:
    """Too many requests of this account."""
    return put_off(name, 429, "Rate limit reached.", retry_after, error=GroqRateLimitError)


def in_seven_seconds() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=7), usegmt=True)


UNREACHED = "Check the base URL (host) of connection 'groq_default', and that this machine can reach it."
CUT = "{call} got no complete response:"
HUNG_UP = (
    f"{CUT} RemoteProtocolError: Server disconnected without sending a response.",
    f"{CUT} ReadError: [Errno …] Connection reset by peer.",
    f"{CUT} WriteError: …",
)
NOT_JSON = (
    "{call} returned 200, but the body is not Groq's (Invalid JSON: EOF while parsing a string at line 1 "
    "column 23). It is application/json, 23 bytes, beginning "
    '\'{{"object": "list", "dat\'. Check for a proxy in between, '
    "and the base URL (host) of the connection."
)
NOT_FOUND = (
    "{call} returned 404: Not found. Check the id, and that the key of connection 'groq_default' belongs to "
    "the account that created it."
)
NO_PATH = "{call} returned 404: Not found. Check the base URL (host) of connection 'groq_default'."
HTML = "<html><body><h1>Bad Gateway</h1></body></html>"

FAULTS = [
    Fault(
        "the connection is refused",
        GroqTransportError,
        (f"{{call}} could not be sent: ConnectError: [Errno …] Connection refused. {UNREACHED}",),
        nobody="refuses",
        refusal=True,
        limit=0.0,
    ),
    Fault(
        "no connection, as behind a firewall",
        GroqTransportError,
        (f"{{call}} could not be sent: ConnectTimeout: no connection within {{connecting}} s. {UNREACHED}",),
        nobody="is silent",
        refusal=True,
        limit=LONGEST_CONNECTING,
        at_once=False,
    ),
    Fault(
        "a reset before the call took effect",
        GroqTransportError,
        HUNG_UP,
        lambda: {"drop": "before"},
    ),
    Fault(
        "a reset after the call took effect",
        GroqTransportError,
        HUNG_UP,
        lambda: {"drop": "after"},
        takes_effect=True,
    ),
    Fault(
        "no response arrives",
        GroqTransportError,
        ("{call} got no complete response: ReadTimeout: nothing was received for {timeout} s.",),
        lambda: {"delay": 5.0},
        takes_effect=True,
        at_once=False,
    ),
    Fault(
        "the response is cut short",
        GroqTransportError,
        (f"{CUT} RemoteProtocolError: peer closed connection without sending complete message body (received …).",),
        lambda: {"drop": "middle"},
        takes_effect=True,
    ),
    Fault(
        "200 with malformed JSON",
        GroqResponseError,
        (NOT_JSON,),
        lambda: {"body": '{"object": "list", "dat', "content_type": "application/json", "takes_effect": True},
        takes_effect=True,
    ),
    Fault(
        "404",
        GroqNotFoundError,
        (NOT_FOUND, NO_PATH),
        answers(404, "Not found."),
        again=False,
        refusal=True,
    ),
    busy(408, "Timed out.", refusal=True),
    busy(409, "Conflict.", refusal=True),
    limited("429 with seconds in Retry-After", lambda: "7"),
    limited("429 with a date in Retry-After", in_seven_seconds),
    busy(500, "Internal error."),
    Fault(
        "502 with an HTML page",
        GroqAPIError,
        (f"{{call}} returned 502: not a Groq error body, but text/html, 46 bytes, beginning {HTML!r}.",),
        lambda: {"status": 502, "body": HTML, "content_type": "text/html"},
    ),
    busy(503, "Overloaded."),
    put_off("503 with seconds in Retry-After", 503, "Overloaded.", lambda: "7"),
]


@dataclass(frozen=True)
class Difference:
    """A call that goes another way than the others with certain faults.

    Attributes:
        endpoint: The call.
        faults: Their names.
        says: What is different, for the page.
        once: The error that it ends in though the fault passes, if it does.
        harmless: Whether the fault is none for it.
    """

    endpoint: str
    faults: tuple[str, ...]
    says: str
    once: type[GroqError] | None = None
    harmless: bool = False


LATE = tuple(fault.name for fault in FAULTS if fault.takes_effect and "JSON" not in fault.name)
DIFFERENCES = [
    Difference(
        "POST /files",
        (*LATE, "200 with malformed JSON"),
        "each attempt that took effect stored a file; the hook returns the id of the last. Groq deletes the others "
        "within 30 days.",
    ),
    Difference(
        "DELETE /files/{file}",
        (*LATE, "200 with malformed JSON"),
        "if the first attempt deleted the file, the next one ends in `GroqNotFoundError`, although the file is "
        "deleted.",
        once=GroqNotFoundError,
    ),
    Difference(
        "GET /files/{file}/content",
        ("the response is cut short",),
        "the content is requested again from its beginning, and the bytes that were already written are skipped.",
    ),
    Difference(
        "GET /files/{file}/content",
        ("200 with malformed JSON",),
        "the bytes of a file are not checked. The download operator counts lines that are not JSON as unreadable.",
        harmless=True,
    ),
]


def difference(endpoint: Endpoint, fault: Fault) -> Difference | None:
    """What is different with this fault of this call, if anything."""
    return next((d for d in DIFFERENCES if d.endpoint == endpoint.call and fault.name in d.faults), None)
