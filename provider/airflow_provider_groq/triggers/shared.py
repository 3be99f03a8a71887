"""The poll loops of this process: one for each event loop and connection, while there are waits."""

from __future__ import annotations

import asyncio
import contextvars
from typing import Self
from weakref import WeakKeyDictionary

from airflow_provider_groq import telemetry
from airflow_provider_groq.batches.poll_loop import Poll, PollLoop
from airflow_provider_groq.hooks.source import ConnectionSource


class Shared:
    """A poll loop and its source; they live as long as anybody uses them.

    Made in a running event loop by `shared`, to be used as a context manager.

    Args:
        groq_conn_id: The connection.
    """

    def __init__(self, groq_conn_id: str) -> None:
        self.source = ConnectionSource(groq_conn_id)
        self.loop = PollLoop(self.source, self._told)
        self._polls = telemetry.TriggererPolls(groq_conn_id)
        self._groq_conn_id = groq_conn_id
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
        by_connection = _shared.get(event_loop, {})
        if by_connection.get(self._groq_conn_id) is self:
            del by_connection[self._groq_conn_id]
        if not by_connection:
            _shared.pop(event_loop, None)

    def _told(self, poll: Poll) -> None:
        self._polls.add(poll.batches, poll.lag, poll.waits)

    async def _run(self) -> None:
        try:
            await asyncio.to_thread(telemetry.prepare)
            await self.loop.run()
        finally:
            self._polls.tell(0)
            await self.source.close()


_shared: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Shared]] = WeakKeyDictionary()


def shared(groq_conn_id: str) -> Shared:
    """What the triggers of this event loop share that have the same connection.

    Args:
        groq_conn_id: The connection.
    """
    by_connection = _shared.setdefault(asyncio.get_running_loop(), {})
    ours = by_connection.get(groq_conn_id)
    if ours is None or ours.loop.broken:
        ours = by_connection[groq_conn_id] = Shared(groq_conn_id)
    return ours
