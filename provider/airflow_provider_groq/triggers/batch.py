"""`GroqBatchTrigger`: waits for batches in the triggerer. Beside it `GroqBatchEventTrigger`, from its own module."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_groq.hooks import DEFAULT_CONN_ID
from airflow_provider_groq.triggers.events import GroqBatchEventTrigger

if TYPE_CHECKING:
    from airflow_provider_groq.batches.events import WaitEnd
    from airflow_provider_groq.batches.poll_loop import PollLoop
    from airflow_provider_groq.batches.polling import Poller, Step
    from airflow_provider_groq.jobs.progress import News, Progress

__all__ = ["GroqBatchEventTrigger", "GroqBatchTrigger"]

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
        brief: For hundreds of batches: one line of progress for all of them, and an event that has no more than
            their ids, reasons and statuses, which `BriefEvent.read` reads.
        total_rows: How many requests all of them have, for that line; by default as Groq counts them.
    """

    def __init__(
        self,
        batch_ids: str | Sequence[str],
        groq_conn_id: str = DEFAULT_CONN_ID,
        poll_interval: float = 60.0,
        *,
        end_time: float,
        cancel_on_kill: bool = False,
        reattach: bool = True,
        brief: bool = False,
        total_rows: int | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.batch_ids = [batch_ids] if isinstance(batch_ids, str) else list(batch_ids)
        self.groq_conn_id = groq_conn_id
        self.poll_interval = poll_interval
        self.end_time = end_time
        self.cancel_on_kill = cancel_on_kill
        self.reattach = reattach
        self.brief = brief
        self.total_rows = total_rows
        # There may be ten thousand triggers, and few of them are brief.
        self._ended: Collection[str] = ()

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
                "brief": self.brief,
                "total_rows": self.total_rows,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Give one event, whose payload `BatchEvent.read` reads, or `BriefEvent.read` if it is to be brief."""
        from airflow_provider_groq.batches.events import BatchEvent, BriefEvent  # noqa: PLC0415 - a Dag file imports this module
        from airflow_provider_groq.triggers.shared import shared  # noqa: PLC0415 - a Dag file imports this module

        not_before = time.monotonic() + EARLIEST_EVENT
        with shared(self.groq_conn_id) as ours:
            ends = await self._ends(ours.loop)
        event = BriefEvent.of(ends) if self.brief else BatchEvent(ends=ends)
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
        from airflow_provider_groq.batches.several import cancelling_report, names_of  # noqa: PLC0415 - a Dag file imports this module
        from airflow_provider_groq.hooks import states  # noqa: PLC0415 - a Dag file imports this module
        from airflow_provider_groq.triggers.shared import shared  # noqa: PLC0415 - a Dag file imports this module

        running = [batch_id for batch_id in self.batch_ids if batch_id not in self._ended]
        state = await states.ask_in_triggerer(self.task_instance) if self.reattach else None
        if self.reattach and state not in states.MARKED:
            # After a clear, the next try may have deferred already, and waits for these batches.
            self.log.warning(
                "Nobody marked the task (its state is %s), so this is left as it is, and goes on at Groq: %s.",
                state or "not known",
                names_of(running),
            )
            return
        why = f"the task was marked {state}" if self.reattach else "no other try takes it up (reattach=False)"
        with shared(self.groq_conn_id) as ours:
            results = await ours.source.cancel(running)
        for level, line in cancelling_report(results, why):
            self.log.log(level, line)

    async def _ends(self, loop: PollLoop) -> tuple[WaitEnd, ...]:
        # The task looked just before it deferred, and no event may come before `EARLIEST_EVENT`.
        first_pause = EARLIEST_EVENT * random.uniform(0.7, 0.9)
        if self.brief:
            return await self._brief_ends(loop, first_pause)
        if len(self.batch_ids) == 1:
            return (await loop.wait(self._poller(self.batch_ids[0]), self._say, first_pause=first_pause),)
        async with asyncio.TaskGroup() as group:
            pollers = map(self._poller, self.batch_ids)
            waits = [group.create_task(loop.wait(poller, self._say, first_pause=first_pause)) for poller in pollers]
        return tuple(wait.result() for wait in waits)

    async def _brief_ends(self, loop: PollLoop, first_pause: float) -> tuple[WaitEnd, ...]:
        from airflow_provider_groq.api.models import Batch  # noqa: PLC0415 - a Dag file imports this module
        from airflow_provider_groq.jobs.progress import Progress  # noqa: PLC0415 - a Dag file imports this module

        progress = Progress(
            self.batch_ids, poll_interval=self.poll_interval, now=time.time(), total_rows=self.total_rows
        )
        self._ended = ended = set[str]()

        async def wait(batch_id: str) -> WaitEnd:
            poller = progress.poller(batch_id, end_time=self.end_time)
            end = await loop.wait(poller, self._say, first_pause=first_pause)
            progress.end(end)
            ended.add(batch_id)
            # All that the event has of it.
            return end.model_copy(update={"batch": end.batch and Batch(id=end.batch.id, status=end.batch.status)})

        async with asyncio.TaskGroup() as group:
            waits = [group.create_task(wait(batch_id)) for batch_id in self.batch_ids]
            telling = group.create_task(self._tell(progress))
            await asyncio.wait(waits)
            telling.cancel()
        self._say_all(progress.news(time.time(), last=True))
        return tuple(wait.result() for wait in waits)

    async def _tell(self, progress: Progress) -> None:
        while True:
            await asyncio.sleep(progress.pause(time.time()))
            self._say_all(progress.news(time.time()))

    def _say_all(self, news: Iterable[News]) -> None:
        for level, line in news:
            self.log.log(level, line)

    def _poller(self, batch_id: str) -> Poller:
        from airflow_provider_groq.batches.polling import Poller  # noqa: PLC0415 - a Dag file imports this module

        return Poller(batch_id, poll_interval=self.poll_interval, end_time=self.end_time, now=time.time())

    def _say(self, step: Step) -> None:
        self.log.log(step.level, step.news)
