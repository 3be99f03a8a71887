"""`GroqBatchEventTrigger`: reports batches that have ended, also those that others created."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Hashable, Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_provider_groq.batches.options import seconds, shown
from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.hooks import DEFAULT_CONN_ID

if TYPE_CHECKING:
    from airflow_provider_groq.triggers.acknowledged import Round

ENDED = ("completed", "failed", "expired", "cancelled")
"""The statuses with which a batch ends."""


class GroqBatchEventTrigger(BaseEventTrigger):
    """For an ``AssetWatcher``: an event of the asset whenever batches of the account have ended.

    One event, which `BatchEvent.read` reads, reports all batches that a poll found. Batches that ended before the first
    start are never reported. From Airflow 3.3 on, each end is reported at least once, despite restarts and crashes;
    below, batches that end while no triggerer runs are missed. All watchers of a connection share one poll loop.

    Args:
        metadata: Keys and values that a batch's metadata must have, as a mapping or in pairs; by default all batches
            are watched.
        statuses: Which ends are reported: some of ``completed``, ``failed``, ``expired``, ``cancelled``.
        groq_conn_id: The connection.
        poll_interval: The longest pause between two polls, in seconds or as a ``timedelta``.

    Raises:
        GroqInputError: An argument is invalid.
    """

    def __init__(
        self,
        metadata: Mapping[str, str] | Iterable[tuple[str, str]] | None = None,
        statuses: Iterable[str] = ENDED,
        groq_conn_id: str = DEFAULT_CONN_ID,
        poll_interval: float | timedelta = 60.0,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.metadata = _metadata(metadata)
        self.statuses = _statuses(statuses)
        self.groq_conn_id = groq_conn_id
        self.poll_interval = seconds("poll_interval", poll_interval)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and the arguments that recreate this trigger; equal triggers give equal ones."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                # In pairs: below 3.3 Airflow gives a mapping back in another form.
                "metadata": [list(pair) for pair in self.metadata.items()],
                "statuses": self.statuses,
                "groq_conn_id": self.groq_conn_id,
                "poll_interval": self.poll_interval,
            },
        )

    @property
    def store_key(self) -> str:
        """Under which an asset's store keeps what this watcher knows. A watcher of other batches starts over."""
        what = json.dumps([self.groq_conn_id, self.metadata, self.statuses])
        return f"groq_batches_{hashlib.sha256(what.encode()).hexdigest()[:16]}"

    def shared_stream_key(self) -> Hashable:
        """Watchers of one connection share a stream."""
        return (self.serialize()[0], self.groq_conn_id)

    @classmethod
    def create_shared_stream_producer(cls, kwargs: dict[str, Any]) -> Any:
        """The stream of a connection, from Airflow 3.3 on."""
        from airflow_provider_groq.triggers.acknowledged import Producer  # noqa: PLC0415 - keeps Dag files light

        return Producer(kwargs["groq_conn_id"])

    async def filter_shared_stream(self, shared_stream: AsyncIterator[Round]) -> AsyncIterator[TriggerEvent]:
        """What this watcher has to report."""
        from airflow_provider_groq.triggers.watcher import Watcher  # noqa: PLC0415 - keeps Dag files light

        async for payload in Watcher(self).payloads(shared_stream):
            yield TriggerEvent(payload)

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """The same below Airflow 3.3, where triggers share no stream and nothing is stored."""
        from airflow_provider_groq.triggers.acknowledged import rounds  # noqa: PLC0415 - keeps Dag files light

        async for event in self.filter_shared_stream(rounds(self.groq_conn_id)):
            yield event


def _metadata(given: Mapping[str, str] | Iterable[tuple[str, str]] | None) -> dict[str, str]:
    try:
        metadata = dict(given or {})
    except (TypeError, ValueError):
        raise GroqInputError(f"metadata must map keys to values, but is {shown(given)}.") from None
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise GroqInputError(
                f"metadata[{shown(key)}] must be a text, as all metadata at Groq, but is {shown(value)}."
            )
    return dict(sorted(metadata.items()))


def _statuses(given: Iterable[str]) -> list[str]:
    if not isinstance(given, Iterable):
        raise GroqInputError(f"statuses must name how batches end ({', '.join(ENDED)}), but is {shown(given)}.")
    statuses = [given] if isinstance(given, str) else list(given)
    wrong = [status for status in statuses if status not in ENDED]
    if wrong or not statuses:
        what = shown(wrong[0]) if wrong else "empty"
        raise GroqInputError(f"statuses must name how batches end ({', '.join(ENDED)}), but one is {what}.")
    return [status for status in ENDED if status in statuses]
