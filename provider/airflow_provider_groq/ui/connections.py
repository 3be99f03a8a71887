"""The connections that the page asks through, each read once for all who look within some seconds."""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from airflow_provider_groq.api.client import AsyncGroqClient
from airflow_provider_groq.api.settings import Settings
from airflow_provider_groq.compat import BaseHook, mask_secret
from airflow_provider_groq.exceptions import GroqConnectionError
from airflow_provider_groq.hooks.connection import settings_of
from airflow_provider_groq.hooks.groq import GroqHook

FRESH_SECONDS = 5.0
"""For how long a connection counts as it was read: a new key holds after that."""

PATIENCE = 10.0
"""Seconds within which a connection must have been read, and then Groq must have answered."""

MAX_CONNECTIONS = 64


@dataclass(slots=True)
class _Lookup:
    task: asyncio.Task[Settings]
    fresh_until: float = float("inf")


class Connections:
    """The connections of type ``groq``, as last read; for one event loop."""

    def __init__(self) -> None:
        self._lookups: dict[str, _Lookup] = {}

    async def settings(self, conn_id: str) -> Settings:
        """What a connection says, at most `FRESH_SECONDS` ago.

        Raises:
            AirflowNotFoundException: There is no such connection.
            GroqConnectionError: It is of another type, or cannot be used.
            TimeoutError: It could not be read in time.
        """
        loop = asyncio.get_running_loop()
        lookup = self._lookups.get(conn_id)
        if lookup is None or loop.time() >= lookup.fresh_until:
            # Without the log and the trace of the request that happens to come first.
            lookup = _Lookup(contextvars.Context().run(loop.create_task, _in_time(conn_id)))
            self._lookups.pop(conn_id, None)
            self._lookups[conn_id] = lookup
            if len(self._lookups) > MAX_CONNECTIONS:
                del self._lookups[next(iter(self._lookups))]
            lookup.task.add_done_callback(partial(_ended, lookup))
        # Closing the tab does not end the lookup for the others.
        return await asyncio.shield(lookup.task)


async def _in_time(conn_id: str) -> Settings:
    async with asyncio.timeout(PATIENCE):
        return await asyncio.to_thread(read_settings, conn_id)


def _ended(lookup: _Lookup, task: asyncio.Task[Settings]) -> None:
    """An error counts for as long, or each tab would ask a secrets backend that is silent."""
    lookup.fresh_until = task.get_loop().time() + (0.0 if task.cancelled() else FRESH_SECONDS)
    if not task.cancelled():
        task.exception()  # all who waited may have left


def read_settings(conn_id: str) -> Settings:
    """What a connection of type ``groq`` says now.

    Raises:
        AirflowNotFoundException: There is no such connection.
        GroqConnectionError: It is of another type, or cannot be used.
    """
    connection = BaseHook.get_connection(conn_id)
    if connection.conn_type != GroqHook.conn_type:  # its password is not for the host that it names
        raise GroqConnectionError(
            f"Connection {conn_id!r} is of type {connection.conn_type or ''!r}; this page shows those of type 'groq'."
        )
    settings = settings_of(f"connection {conn_id!r}", connection, connection.extra_dejson)
    if settings.headers:  # the password is masked by Airflow
        mask_secret([*settings.secrets])
    return settings


def account_of(settings: Settings) -> str:
    """The same for settings that lead to the same account; reveals nothing of the key."""
    which = [settings.api_url, settings.api_key, sorted(settings.headers.items())]
    return hashlib.sha256(json.dumps(which).encode()).hexdigest()


@asynccontextmanager
async def client_of(settings: Settings) -> AsyncIterator[AsyncGroqClient]:
    """A client, and `PATIENCE` to use it.

    Raises:
        GroqConnectionError: The settings cannot be used.
        TimeoutError: The time has passed.
    """
    async with asyncio.timeout(PATIENCE), await asyncio.to_thread(AsyncGroqClient, settings) as client:
        yield client
