"""`GroqBatchTrigger`: waits for batches in the triggerer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from airflow.providers.common.compat.sdk import AirflowNotFoundException
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_groq.api import calls
from airflow_provider_groq.api.client import AsyncGroqClient
from airflow_provider_groq.batches.events import BatchEvent, WaitEnd
from airflow_provider_groq.batches.polling import Poller
from airflow_provider_groq.exceptions import GroqError
from airflow_provider_groq.hooks.groq import GroqHook

EARLIEST_EVENT = 10.0
"""Seconds from the start of `run()` to its event. Airflow may fail a task whose trigger fires while
the worker that deferred it has not yet taken note (``[workers] min_heartbeat_interval``, 5 s)."""


class GroqBatchTrigger(BaseTrigger):
    """Waits until all of its batches have ended, and says in one event how.

    It only looks: nothing is downloaded, cancelled or changed here.

    Args:
        batch_ids: The batches.
        groq_conn_id: The connection.
        poll_interval: The longest pause between two looks at a batch, in seconds.
        end_time: When to give up, as Unix time; a restart of the triggerer does not move it.
    """

    def __init__(
        self,
        batch_ids: Sequence[str],
        groq_conn_id: str = GroqHook.default_conn_name,
        poll_interval: float = 60.0,
        *,
        end_time: float,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.batch_ids = list(batch_ids)
        self.groq_conn_id = groq_conn_id
        self.poll_interval = poll_interval
        self.end_time = end_time

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class and the arguments that make this trigger again, in any triggerer."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "batch_ids": self.batch_ids,
                "groq_conn_id": self.groq_conn_id,
                "poll_interval": self.poll_interval,
                "end_time": self.end_time,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Give one event, whose payload `BatchEvent.read` reads."""
        not_before = time.monotonic() + EARLIEST_EVENT
        event = BatchEvent(ends=await self._ends())
        await asyncio.sleep(not_before - time.monotonic())
        yield TriggerEvent(event.payload())

    async def _ends(self) -> tuple[WaitEnd, ...]:
        try:
            client = await GroqHook(self.groq_conn_id).get_async_conn()
        except (GroqError, AirflowNotFoundException) as error:
            return tuple(WaitEnd(batch_id=id_, reason="unknown", message=str(error)) for id_ in self.batch_ids)
        async with client, asyncio.TaskGroup() as group:
            waits = [group.create_task(self._wait(client, batch_id)) for batch_id in self.batch_ids]
        return tuple(wait.result() for wait in waits)

    async def _wait(self, client: AsyncGroqClient, batch_id: str) -> WaitEnd:
        poller = Poller(batch_id, poll_interval=self.poll_interval, end_time=self.end_time, now=time.time())
        while True:
            step = await poller.look_async(lambda: client.send(calls.get_batch(batch_id), max_retries=0))
            if step.news:
                self.log.log(step.level, step.news)
            if step.end:
                return step.end
            await asyncio.sleep(step.pause)
