"""The stream of ticks that the watchers of a connection share, and what is stored once their events are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from airflow_provider_groq.compat import stream_producer
from airflow_provider_groq.triggers.shared import shared_watch

Store = Callable[[], Awaitable[None]]

_Producer: Any = stream_producer()


class Round:
    """What the watchers do after one poll.

    Attributes:
        stores: What to do once Airflow has stored the events, by watcher.
    """

    def __init__(self) -> None:
        self.stores: dict[object, Store] = {}

    async def when_stored(self, watcher: object, store: Store) -> None:
        """Do something as soon as Airflow has stored the event that this watcher gave in this round, if it gave one."""
        self.stores[watcher] = store


class Unacknowledged(Round):
    """A round of which Airflow does not say when its events are stored."""

    async def when_stored(self, watcher: object, store: Store) -> None:
        """Do it at once."""
        del watcher
        await store()


class Producer(_Producer):  # type: ignore[misc]  # Airflow has its class from 3.3 on
    """Gives Airflow the rounds, and stores what the watchers know once their events are stored.

    Args:
        groq_conn_id: The connection.
    """

    def __init__(self, groq_conn_id: str) -> None:
        self._groq_conn_id = groq_conn_id

    async def open_stream(self) -> AsyncIterator[tuple[Round, Round]]:
        """A round after each poll."""
        with shared_watch(self._groq_conn_id) as ours:
            async for _ in ours.loop.ticks():
                tick = Round()
                yield tick, tick

    async def advance(self, batch: Sequence[Any]) -> None:
        """The events of these rounds are stored.

        Raises:
            RuntimeError: One is not. Then all watchers start again from what was stored last, and report it again.
        """
        if any(item.outcome.failed for item in batch):
            raise RuntimeError("Airflow did not store an event of finished batches in time; resending it.")
        stores: dict[object, Store] = {}
        for item in batch:
            stores |= item.broker_payload.stores
        await asyncio.gather(*(store() for store in stores.values()))


async def rounds(groq_conn_id: str) -> AsyncIterator[Round]:
    """The rounds of a connection, without acknowledgement."""
    with shared_watch(groq_conn_id) as ours:
        async for _ in ours.loop.ticks():
            yield Unacknowledged()
