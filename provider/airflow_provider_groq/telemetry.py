"""Metrics and spans of batches, for Airflow's ``Stats`` and for OpenTelemetry.

All names are here, and in ``docs/reference/metrics.md``. How a batch ended is in the name and not in a tag, because
plain StatsD drops tags. Whatever a backend raises is only logged: a task that has paid must not fail because of a
metric.
"""

from __future__ import annotations

import logging
import platform
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow_provider_groq.batches.polling import ended_at
from airflow_provider_groq.compat import stats

if TYPE_CHECKING:
    from airflow_provider_groq.api.models import Batch

log = logging.getLogger(__name__)

SUBMITTED = "groq.batches.submitted"
RESUMED = "groq.batches.resumed"
DOUBLES_CANCELLED = "groq.batches.doubles_cancelled"
ENDED = "groq.batches."
"""And the status."""
DURATION = "groq.batches.duration"
SENSED = "groq.sensor."
"""And the status."""
REQUESTS = "groq.requests."
"""And what became of them."""
ROWS = "groq.rows."
"""Likewise."""
TOKENS = "groq.tokens."
"""And their kind."""
POLLS = "groq.polls"
POLL_LAG = "groq.polls.lag"
RUNNING = "groq.waits.running"
WAITED = "groq.waits."
"""And where: ``worker``, ``triggerer`` or ``sensor``."""

CHECK, UPLOAD, CREATE, WAIT, DOWNLOAD, LAND = (
    f"groq.{step}" for step in ("check", "upload", "create", "wait", "download", "land")
)
"""The spans."""

KINDS_OF_TOKENS = ("prompt", "completion")

TRACER = "airflow_provider_groq"

TELL_EVERY = 10.0
"""Seconds between two reports of a triggerer's polls."""

MAX_IDS = 20
"""Maximum batch ids in a span: the first ones."""

NOT_IN_TAGS = re.compile(r"[^a-zA-Z0-9_.\-/]")
MAX_TAG_CHARS = 64
"""Airflow drops a metric, and logs an error, if its name and tags have other characters or are too long together."""


def prepare() -> None:
    """Let Airflow connect to its metrics backend, which may block: not in an event loop."""
    _tell("timer", POLL_LAG)


def submitted(conn_id: str) -> None:
    """A batch was created."""
    _count(SUBMITTED, 1, conn_id)


def resumed(conn_id: str, batches: int) -> None:
    """A task resumes batches that an earlier try created."""
    _count(RESUMED, batches, conn_id)


def double_cancelled(conn_id: str) -> None:
    """A second batch of the same task and input was cancelled."""
    _count(DOUBLES_CANCELLED, 1, conn_id)


def ended(conn_id: str, batch: Batch) -> None:
    """A batch has ended; reported once, by the task that created it."""
    _count(ENDED + batch.status, 1, conn_id)
    counts = batch.request_counts
    _count(f"{REQUESTS}completed", counts.completed, conn_id)
    _count(f"{REQUESTS}failed", counts.failed, conn_id)
    rest = batch.status if batch.status in {"expired", "cancelled"} else "missing"
    _count(REQUESTS + rest, counts.total - counts.completed - counts.failed, conn_id)
    at = ended_at(batch)
    if at and batch.created_at:
        _time(DURATION, at - batch.created_at, conn_id)


def sensed(conn_id: str, batch: Batch) -> None:
    """A sensor found that a batch has ended; the task that created it may have reported it too."""
    _count(SENSED + batch.status, 1, conn_id)


def landed(conn_id: str, rows: Mapping[str, int]) -> None:
    """Answers were landed, with the number of rows by their status."""
    for status, number in rows.items():
        if status != "total":
            _count(ROWS + status, number, conn_id)


def tokens(conn_id: str, by_model: Mapping[str, Mapping[str, int]]) -> None:
    """The tokens of the answers that were read."""
    for model, sums in by_model.items():
        for kind in KINDS_OF_TOKENS:
            _count(TOKENS + kind, sums.get(f"{kind}_tokens", 0), conn_id, model=_tag(model))


def wait_ended(where: str, conn_id: str, batch_ids: Sequence[str], *, since: float) -> None:
    """A wait that began at this Unix time has ended, or was deferred to the triggerer; also a span.

    Ten thousand waits keep nothing in memory for their spans.
    """
    _time(WAITED + where, time.time() - since, conn_id)
    if trace := _trace():
        found = _attributes(conn_id, batch_ids=batch_ids[:MAX_IDS], batches=len(batch_ids))
        _safely(lambda: trace.get_tracer(TRACER).start_span(WAIT, start_time=int(since * 1e9), attributes=found).end())


def polled(conn_id: str, batches: int) -> None:
    """Batches were polled."""
    _count(POLLS, batches, conn_id)


class TriggererPolls:
    """Reports the polls of a triggerer, summed over `TELL_EVERY` seconds: a packet costs as much as ten polls.

    Args:
        conn_id: The connection.
    """

    def __init__(self, conn_id: str) -> None:
        self._conn_id = conn_id
        self._batches, self._lag = 0, 0.0
        self._told_at = float("-inf")

    def add(self, batches: int, lag: float, running: int) -> None:
        """Batches were polled in one request.

        Args:
            batches: How many.
            lag: How late, in seconds.
            running: How many waits there are.
        """
        self._batches += batches
        self._lag = max(self._lag, lag)
        if time.monotonic() - self._told_at >= TELL_EVERY:
            self.tell(running)

    def tell(self, running: int) -> None:
        """Report the sums."""
        self._told_at = time.monotonic()
        if self._batches:
            polled(self._conn_id, self._batches)
            _time(POLL_LAG, self._lag, self._conn_id)
        _tell("gauge", RUNNING, running, tags={**_tags(self._conn_id), "hostname": _hostname()})
        self._batches, self._lag = 0, 0.0


@contextmanager
def span(name: str, conn_id: str, **attributes: Any) -> Iterator[Callable[..., None]]:
    """A span around a step of a task, below Airflow's span of the task.

    Args:
        name: One of the names above.
        conn_id: The connection.
        attributes: Those known at its start. None is left out.

    Yields:
        A function that sets those known later.
    """
    trace, found = _trace(), _attributes(conn_id, **attributes)
    current = trace and _safely(lambda: trace.get_tracer(TRACER).start_span(name, attributes=found))
    if current is None:
        yield lambda **_: None
        return
    try:
        with trace.use_span(current):
            yield lambda **later: _safely(current.set_attributes, _attributes(conn_id, **later))
    finally:
        _safely(current.end)


def exports_spans() -> bool:
    """Whether this process exports spans."""
    return _exporter() is not None


def flush_spans() -> None:
    """Send what is still queued. If the collector does not answer, this takes up to 20 s."""
    if flush := _exporter():
        _safely(flush)


def _exporter() -> Callable[[], object] | None:
    trace = _trace()
    flush: Callable[[], object] | None = trace and _safely(
        lambda: getattr(trace.get_tracer_provider(), "force_flush", None)
    )
    return flush


def _trace() -> Any:
    """OpenTelemetry, if it is loaded; otherwise no exporter collects spans, and loading it takes time."""
    return sys.modules.get("opentelemetry.trace")


def _attributes(conn_id: str, **attributes: Any) -> dict[str, Any]:
    found = {"conn_id": conn_id, **attributes}
    return {f"groq.{name}": value for name, value in found.items() if value is not None}


def _count(name: str, number: int, conn_id: str, **tags: str) -> None:
    if number > 0:
        _tell("incr", name, number, tags={**_tags(conn_id), **tags})


def _time(name: str, seconds: float, conn_id: str) -> None:
    _tell("timing", name, max(0.0, seconds) * 1000, tags=_tags(conn_id))


def _tell(kind: str, *values: Any, **tags: Any) -> None:
    _safely(lambda: getattr(stats(), kind)(*values, **tags))


def _safely(call: Callable[..., Any], *arguments: Any) -> Any:
    """Call it, and log what it raises: once for each kind of error, since it does so often, if at all."""
    try:
        return call(*arguments)
    except Exception as error:  # noqa: BLE001 - whatever it is, the batch is paid and goes on
        if type(error) not in _complained:
            _complained.add(type(error))
            log.warning("Metrics or spans of Groq batches could not be sent, and are dropped: %r", error)
        return None


_complained: set[type[Exception]] = set()


@cache
def _tags(conn_id: str) -> dict[str, str]:
    return {"conn_id": _tag(conn_id)}


def _tag(value: str) -> str:
    return NOT_IN_TAGS.sub("_", value)[:MAX_TAG_CHARS]


@cache
def _hostname() -> str:
    return _tag(platform.node())
