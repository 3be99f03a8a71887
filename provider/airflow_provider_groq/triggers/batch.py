"""`GroqBatchTrigger`: waits for batches in the triggerer."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_groq.batches.events import BatchEvent, WaitEnd
from airflow_provider_groq.batches.poll_loop import PollLoop
from airflow_provider_groq.batches.polling import Poller, Step
from airflow_provider_groq.exceptions import GroqError
from airflow_provider_groq.hooks import states
from airflow_provider_groq.hooks.groq import GroqHook
from airflow_provider_groq.triggers.shared import shared

EARLIEST_EVENT = 10.0
"""Seconds from the start of `run()` to its event. Airflow may fail a task whose trigger fires while
the worker that deferred it has not yet taken note (``[workers] min_heartbeat_interval``, 5 s)."""

_killing: set[asyncio.Task[None]] = set()
"""What triggers still do when Airflow has given them up; the event loop itself would forget it."""


class GroqBatchTrigger(BaseTrigger):
    """Waits until all of its batches have ended, and says in one event how.

    It only looks: nothing is downloaded or changed here, and cancelled only when a user marks the
    deferred task. All triggers of a process that have the same connection share one client and one
    poll loop.

    Args:
        batch_ids: The batches, or one.
        groq_conn_id: The connection.
        poll_interval: The longest pause between two looks at a batch, in seconds.
        end_time: When to give up, as Unix time; a restart of the triggerer does not move it.
        cancel_on_kill: Whether the batches are cancelled when a user marks the deferred task. Works
            from Airflow 3.3, which tells triggers.
        reattach: Whether a next try of the task would take the batches up. If not, a clear cancels them too.
    """

    def __init__(
        self,
        batch_ids: str | Sequence[str],
        groq_conn_id: str = GroqHook.default_conn_name,
        poll_interval: float = 60.0,
        *,
        end_time: float,
        cancel_on_kill: bool = False,
        reattach: bool = True,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.batch_ids = [batch_ids] if isinstance(batch_ids, str) else list(batch_ids)
        self.groq_conn_id = groq_conn_id
        self.poll_interval = poll_interval
        self.end_time = end_time
        self.cancel_on_kill = cancel_on_kill
        self.reattach = reattach

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class and the arguments that make this trigger again, in any triggerer."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "batch_ids": self.batch_ids,
                "groq_conn_id": self.groq_conn_id,
                "poll_interval": self.poll_interval,
                "end_time": self.end_time,
                "cancel_on_kill": self.cancel_on_kill,
                "reattach": self.reattach,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Give one event, whose payload `BatchEvent.read` reads."""
        not_before = time.monotonic() + EARLIEST_EVENT
        with shared(self.groq_conn_id) as ours:
            event = BatchEvent(ends=await self._ends(ours.loop))
        await asyncio.sleep(not_before - time.monotonic())
        yield TriggerEvent(event.payload())

    async def on_kill(self) -> None:
        """Cancel the batches if a user wants that; called by Airflow when the task was acted upon.

        Airflow gives this a second and then cancels it, so the work is a task of its own.
        """
        if self.cancel_on_kill:
            work = asyncio.create_task(self._cancel_if_wanted())
            _killing.add(work)
            work.add_done_callback(_killing.discard)
            await asyncio.shield(work)

    async def _cancel_if_wanted(self) -> None:
        state = await states.ask_in_triggerer(self.task_instance) if self.reattach else None
        if self.reattach and state not in states.MARKED:
            # After a clear, the next try may have deferred already, and waits for these batches.
            self.log.warning(
                "Nobody marked the task (its state is %s): %s left as they are, and go on at Groq.",
                state or "not known",
                ", ".join(self.batch_ids),
            )
            return
        why = f"the task was marked {state}" if self.reattach else "no other try takes it up (reattach=False)"
        with shared(self.groq_conn_id) as ours:
            for batch_id in self.batch_ids:
                try:
                    batch = await ours.source.cancel(batch_id)
                except GroqError as error:
                    self.log.error("Batch %s could not be cancelled, and goes on at Groq: %s", batch_id, error)  # noqa: TRY400
                else:
                    self.log.info("Batch %s is %s: %s.", batch_id, batch.status, why)

    async def _ends(self, loop: PollLoop) -> tuple[WaitEnd, ...]:
        if len(self.batch_ids) == 1:
            return (await self._wait(loop, self.batch_ids[0]),)
        async with asyncio.TaskGroup() as group:
            waits = [group.create_task(self._wait(loop, batch_id)) for batch_id in self.batch_ids]
        return tuple(wait.result() for wait in waits)

    def _wait(self, loop: PollLoop, batch_id: str) -> Coroutine[Any, Any, WaitEnd]:
        poller = Poller(batch_id, poll_interval=self.poll_interval, end_time=self.end_time, now=time.time())
        # The task looked just before it deferred, and no event may come before `EARLIEST_EVENT`.
        return loop.wait(poller, self._say, first_pause=EARLIEST_EVENT * random.uniform(0.7, 0.9))

    def _say(self, step: Step) -> None:
        self.log.log(step.level, step.news)
