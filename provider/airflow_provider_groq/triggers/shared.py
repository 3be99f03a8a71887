"""The poll loops of this process: one of each kind for each event loop and connection, while in use."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Generic, Protocol, Self, TypeVar
from weakref import WeakKeyDictionary

from airflow_provider_groq import telemetry
from airflow_provider_groq.batches.poll_loop import Poll, PollLoop
from airflow_provider_groq.batches.watch_loop import WatchLoop
from airflow_provider_groq.hooks.source import ConnectionSource
from airflow_provider_groq.triggers.freezer import Freezer

log = logging.getLogger(__name__)

PREPARE_SECONDS = 5.0
"""For how long the first poll waits for the metrics to be set up."""


class Loop(Protocol):
    """What polls."""

    async def run(self) -> None:
        """Poll until cancelled."""


L = TypeVar("L", bound=Loop)
Users = WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, "Shared[Any]"]]


class Shared(Generic[L]):
    """A poll loop and its source; they live as long as anybody uses them.

    Made in a running event loop by `shared` or `shared_watch`, to be used as a context manager.

    Args:
        groq_conn_id: The connection.
        make: Makes the loop.
        users: Where it is found while in use.
    """

    def __init__(self, groq_conn_id: str, make: Callable[[ConnectionSource], L], users: Users) -> None:
        self.source = ConnectionSource(groq_conn_id)
        self.loop = make(self.source)
        self._groq_conn_id = groq_conn_id
        self._all = users
        self._users = 0
        # In an empty context: what it logs would else go to the task that happened to come first.
        self._task = contextvars.Context().run(asyncio.get_running_loop().create_task, self._run())

    def __enter__(self) -> Self:
        self._users += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._users -= 1
        if not self._users:
            self._forget()
            self._task.cancel()

    def _forget(self) -> None:
        event_loop = asyncio.get_running_loop()
        by_connection = self._all.get(event_loop, {})
        if by_connection.get(self._groq_conn_id) is self:
            del by_connection[self._groq_conn_id]
        if not by_connection:
            self._all.pop(event_loop, None)

    async def _run(self) -> None:
        try:
            await self.loop.run()
        finally:
            await self.source.close()


freezer = Freezer()
"""Of this process: the waits of all connections count together."""


class Waits(PollLoop):
    """The poll loop of waits, which sends the metrics of its polls.

    Args:
        source: Asks Groq.
        groq_conn_id: The connection.
    """

    def __init__(self, source: ConnectionSource, groq_conn_id: str) -> None:
        super().__init__(source, self._told, freezer.count)
        self._polls = telemetry.TriggererPolls(groq_conn_id)

    def _told(self, poll: Poll) -> None:
        self._polls.add(poll.batches, poll.lag, poll.waits)

    async def run(self) -> None:
        """Poll until cancelled."""
        try:
            with suppress(TimeoutError):  # a name server that does not answer holds up no wait
                await asyncio.wait_for(asyncio.to_thread(telemetry.prepare), PREPARE_SECONDS)
            await super().run()
        finally:
            self._polls.tell(0)


_shared: Users = WeakKeyDictionary()
_watching: Users = WeakKeyDictionary()


def shared(groq_conn_id: str) -> Shared[Waits]:
    """What the waits of this event loop share that have the same connection.

    Args:
        groq_conn_id: The connection.
    """
    by_connection = _shared.setdefault(asyncio.get_running_loop(), {})
    ours = by_connection.get(groq_conn_id)
    if ours is None or ours.loop.broken:
        ours = Shared(groq_conn_id, lambda source: Waits(source, groq_conn_id), _shared)
        by_connection[groq_conn_id] = ours
    return ours


def shared_watch(groq_conn_id: str) -> Shared[WatchLoop]:
    """What the watchers of this event loop share that have the same connection.

    Args:
        groq_conn_id: The connection.
    """
    by_connection = _watching.setdefault(asyncio.get_running_loop(), {})
    ours = by_connection.get(groq_conn_id)
    if ours is None:
        name = f"connection {groq_conn_id!r}"
        ours = Shared(groq_conn_id, lambda source: WatchLoop(source, name, log.log), _watching)
        by_connection[groq_conn_id] = ours
    return ours
