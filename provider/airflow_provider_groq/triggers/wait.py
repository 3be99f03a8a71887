"""What a `GroqBatchTrigger` does in the triggerer, apart from the class, which Dag files may import."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from airflow_provider_groq import telemetry
from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.batches.events import BatchEvent, BriefEvent, WaitEnd
from airflow_provider_groq.batches.poll_loop import PollLoop
from airflow_provider_groq.batches.polling import Poller, Step
from airflow_provider_groq.batches.several import cancelling_report, names_of
from airflow_provider_groq.hooks import states
from airflow_provider_groq.jobs.progress import News, Progress
from airflow_provider_groq.triggers.shared import shared

if TYPE_CHECKING:
    from airflow_provider_groq.triggers.batch import GroqBatchTrigger


class Wait:
    """The wait of one trigger. The trigger does not refer to it, so both are freed without the garbage collector.

    Args:
        trigger: The trigger.

    Attributes:
        is_traced: Whether Airflow exports spans.
    """

    def __init__(self, trigger: GroqBatchTrigger) -> None:
        self.is_traced = telemetry.exports_spans()
        self._trigger = trigger
        # That of the class: each trigger's own would be objects that only the garbage collector frees.
        self._log = trigger.logger()

    async def payload(self, first_poll: float) -> dict[str, Any]:
        """Wait until all batches have ended, and give what the event says of it.

        Args:
            first_poll: Seconds from now to the first poll.
        """
        trigger, began = self._trigger, time.time()
        with shared(trigger.groq_conn_id) as ours:
            ends = await self._ends(ours.loop, first_poll)
        telemetry.wait_ended("triggerer", trigger.groq_conn_id, trigger.batch_ids, since=began)
        event = BriefEvent.of(ends) if trigger.brief else BatchEvent(ends=ends)
        return event.payload()

    async def cancel_if_wanted(self) -> None:
        """Cancel the batches if a user has marked the task, or no other try is to resume them."""
        trigger = self._trigger
        running = [batch_id for batch_id in trigger.batch_ids if batch_id not in trigger.ended]
        state = await states.ask_in_triggerer(trigger.task_instance) if trigger.reattach else None
        if trigger.reattach and state not in states.MARKED:
            # After a clear, the next try may have deferred already, and waits for these batches.
            self._log.warning(
                "The task was not marked (its state is %s), so this keeps running at Groq: %s.",
                state or "unknown",
                names_of(running),
            )
            return
        why = f"the task was marked {state}" if trigger.reattach else "no other try would resume it (reattach=False)"
        with shared(trigger.groq_conn_id) as ours:
            results = await ours.source.cancel(running)
        for level, line in cancelling_report(results, why):
            self._log.log(level, line)

    async def _ends(self, loop: PollLoop, first_pause: float) -> tuple[WaitEnd, ...]:
        trigger = self._trigger
        if not trigger.batch_ids:
            return ()
        if trigger.brief or len(trigger.batch_ids) > 1:
            return await self._ends_of_several(loop, first_pause)
        poller = Poller(
            trigger.batch_ids[0], poll_interval=trigger.poll_interval, end_time=trigger.end_time, now=time.time()
        )
        return (await loop.wait(poller, self._say, first_pause=first_pause),)

    async def _ends_of_several(self, loop: PollLoop, first_pause: float) -> tuple[WaitEnd, ...]:
        trigger = self._trigger
        progress = Progress(
            trigger.batch_ids, poll_interval=trigger.poll_interval, now=time.time(), total_rows=trigger.total_rows
        )
        trigger.ended = ended = set[str]()

        async def wait(batch_id: str) -> WaitEnd:
            poller = progress.poller(batch_id, end_time=trigger.end_time)
            end = await loop.wait(poller, self._say, first_pause=first_pause)
            progress.end(end)
            ended.add(batch_id)
            if not trigger.brief:
                return end
            # All that the event has of it.
            return end.model_copy(update={"batch": end.batch and Batch(id=end.batch.id, status=end.batch.status)})

        async with asyncio.TaskGroup() as group:
            waits = [group.create_task(wait(batch_id)) for batch_id in trigger.batch_ids]
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
            self._log.log(level, line)

    def _say(self, step: Step) -> None:
        self._log.log(step.level, step.news)
