"""The poll loops of this process: one for each event loop and connection, while there are waits."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

from airflow_provider_groq.batches.poll_loop import PollLoop
from airflow_provider_groq.hooks.source import ConnectionSource


class Shared:
    """A poll loop and its source, with the number of those who use them.

    Made in a running event loop.

    Args:
        groq_conn_id: The connection.
    """

    def __init__(self, groq_conn_id: str) -> None:
        self.source = ConnectionSource(groq_conn_id)
        self.loop = PollLoop(self.source)
        self.users = 0
        # In an empty context: what it logs would else go to the task that happened to come first.
        self._task = contextvars.Context().run(asyncio.get_running_loop().create_task, self._run())

    def stop(self) -> None:
        """Stop polling, and close the connections."""
        self._task.cancel()

    async def _run(self) -> None:
        try:
            await self.loop.run()
        finally:
            await self.source.close()


_shared: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Shared]] = WeakKeyDictionary()


@asynccontextmanager
async def shared(groq_conn_id: str) -> AsyncIterator[Shared]:
    """The poll loop and the source of a connection; they live as long as anybody uses them.

    Args:
        groq_conn_id: The connection.
    """
    event_loop = asyncio.get_running_loop()
    by_connection = _shared.setdefault(event_loop, {})
    ours = by_connection.get(groq_conn_id)
    if ours is None or ours.loop.broken:
        ours = by_connection[groq_conn_id] = Shared(groq_conn_id)
    ours.users += 1
    try:
        yield ours
    finally:
        ours.users -= 1
        if not ours.users:
            if by_connection.get(groq_conn_id) is ours:
                del by_connection[groq_conn_id]
            if not by_connection:
                _shared.pop(event_loop, None)
            ours.stop()
