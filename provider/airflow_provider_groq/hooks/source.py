"""`ConnectionSource`: batches, asked for from a coroutine with the key of an Airflow connection."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TypeVar

from airflow_provider_groq.api import calls
from airflow_provider_groq.api.calls import Call
from airflow_provider_groq.api.client import AsyncGroqClient
from airflow_provider_groq.api.models import Batch, Page
from airflow_provider_groq.api.polled import Polled
from airflow_provider_groq.compat import AirflowNotFoundException
from airflow_provider_groq.exceptions import (
    GroqAuthenticationError,
    GroqConnectionError,
    GroqError,
    GroqTransportError,
)
from airflow_provider_groq.hooks.cancels import cancel_batches
from airflow_provider_groq.hooks.groq import GroqHook

T = TypeVar("T")

PAGE_RETRIES = 2
"""How often a page is asked for again: a listing may have thousands, and all would have to be read anew."""


class ConnectionSource:
    """Asks Groq through one client.

    The connection is looked up at the first question, and once more when Groq refuses the key: it may
    have been replaced.

    Args:
        groq_conn_id: The connection.
    """

    def __init__(self, groq_conn_id: str) -> None:
        self._hook = GroqHook(groq_conn_id)
        self._client: AsyncGroqClient | None = None
        self._retired: list[AsyncGroqClient] = []
        self._lock = asyncio.Lock()

    async def poll(self, batch_ids: Sequence[str]) -> Polled:
        """Ask for many batches, in one request unless their ids are long."""
        answers = [await self._send(calls.poll_batches(group)) for group in calls.grouped(batch_ids)]
        return answers[0] if len(answers) == 1 else Polled.joined(answers)

    async def get(self, batch_id: str) -> Batch:
        """Ask for one."""
        return await self._send(calls.get_batch(batch_id))

    async def page(self, cursor: str | None, after: str | None) -> Page[Batch]:
        """Ask for a page of the listing, as `calls.list_batches` has it."""
        return await self._send(calls.list_batches(cursor, after=after), max_retries=PAGE_RETRIES)

    async def refresh(self) -> None:
        """Read the connection again, and ask through it as it is now."""
        if self._client is not None:
            await self._renewed(self._client)

    async def cancel(self, batch_ids: Sequence[str]) -> dict[str, str | GroqError]:
        """Ask for some to be cancelled; the status of each since then, or why it could not be."""
        if len(batch_ids) == 1:
            try:
                batch = await self._send(calls.cancel_batch(batch_ids[0]), max_retries=1)
            except GroqError as error:
                return {batch_ids[0]: error}
            return {batch_ids[0]: batch.status}
        try:
            client = await self._connected()
            results = await asyncio.to_thread(cancel_batches, client.settings, batch_ids)
            refused = [id_ for id_ in batch_ids if isinstance(results[id_], GroqAuthenticationError)]
            if refused and (other := await self._renewed(client)) is not client:
                results |= await asyncio.to_thread(cancel_batches, other.settings, refused)
        except GroqError as error:
            return dict.fromkeys(batch_ids, error)
        return results

    async def close(self) -> None:
        """Close the client's connections."""
        clients = [*self._retired, *([self._client] if self._client else [])]
        self._retired, self._client = [], None
        for client in clients:
            await client.close()

    async def _send(self, call: Call[T], *, max_retries: int = 0) -> T:
        client = await self._connected()
        try:
            return await client.send(call, max_retries=max_retries)
        except GroqAuthenticationError:
            other = await self._renewed(client)
            if other is client:
                raise
            return await other.send(call, max_retries=max_retries)

    async def _connected(self) -> AsyncGroqClient:
        async with self._lock:
            if self._client is None:
                self._client = await self._new_client()
            return self._client

    async def _renewed(self, refused: AsyncGroqClient) -> AsyncGroqClient:
        """The client to use now; the same one if the connection has not changed."""
        async with self._lock:
            if self._client is None or self._client is not refused:
                return self._client or refused
            client = await self._new_client()
            if client.settings == refused.settings:
                await client.close()
                return refused
            # Other questions may still be under way through the old one.
            self._retired.append(refused)
            self._client = client
            return client

    async def _new_client(self) -> AsyncGroqClient:
        try:
            return await self._hook.get_async_conn()
        except AirflowNotFoundException as error:
            raise GroqConnectionError(str(error)) from error
        except GroqError:
            raise
        except Exception as error:
            # Airflow's API server or its database may be away for a while, as at a restart.
            raise GroqTransportError(f"The connection could not be looked up: {error!r}.", sent=False) from error
