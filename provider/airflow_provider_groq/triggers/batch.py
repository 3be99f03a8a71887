"""`GroqBatchTrigger`: waits for batches in the triggerer."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Collection, Sequence
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_groq.hooks import DEFAULT_CONN_ID
from airflow_provider_groq.triggers.events import GroqBatchEventTrigger

if TYPE_CHECKING:
    from airflow_provider_groq.triggers.wait import Wait

__all__ = ["GroqBatchEventTrigger", "GroqBatchTrigger"]

log = logging.getLogger(__name__)

EARLIEST_EVENT = 10.0
"""Seconds from the start of `run()` to its event. Airflow may fail a task whose trigger fires while
the worker that deferred it has not yet taken note (``[workers] min_heartbeat_interval``, 5 s)."""

EARLIEST_EVENT_TRACED = 15.0
"""Likewise, where spans are exported: the worker's process then stays for 10 s after it has deferred, if the
collector does not answer (``OTEL_EXPORTER_OTLP_TIMEOUT``)."""

_killing: set[asyncio.Task[None]] = set()
"""What triggers still do when Airflow has given them up; the event loop itself would forget it."""


class GroqBatchTrigger(BaseTrigger):
    """Waits until all of its batches have ended, and returns their ends in one event.

    It only polls: it downloads and changes nothing, and cancels only when a user marks the
    deferred task. All triggers of a process that have the same connection share one client and one
    poll loop.

    Args:
        batch_ids: The batches, or one.
        groq_conn_id: The connection.
        poll_interval: The longest pause between two polls of a batch, in seconds.
        end_time: When to give up, as Unix time; a restart of the triggerer does not move it.
        cancel_on_kill: Whether the batches are cancelled when a user marks the deferred task. Works
            from Airflow 3.3 on.
        reattach: Whether a next try of the task would resume the batches. If not, a clear cancels them too.
        brief: For hundreds of batches: an event with only their ids, reasons and statuses, which
            `BriefEvent.read` reads.
        total_rows: How many requests the batches have in all, for the progress line of several batches; by default as
            Groq counts them.
        later: Arguments of a newer version of this package, whose worker deferred the task. They are kept, and have no
            effect.

    Attributes:
        ended: Which of several batches have ended.
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
        **later: Any,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        if later:
            log.warning("GroqBatchTrigger does not know the arguments %s, which have no effect.", ", ".join(later))
        self.batch_ids = [batch_ids] if isinstance(batch_ids, str) else list(batch_ids)
        self.groq_conn_id = groq_conn_id
        self.poll_interval = poll_interval
        self.end_time = end_time
        self.cancel_on_kill = cancel_on_kill
        self.reattach = reattach
        self.brief = brief
        self.total_rows = total_rows
        self._later = later
        # There may be ten thousand triggers, and few of them wait for several batches.
        self.ended: Collection[str] = ()

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class and the arguments that recreate this trigger in any triggerer."""
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
                **self._later,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event. `BatchEvent.read` reads its payload, or `BriefEvent.read` if ``brief``."""
        began, wait = time.monotonic(), self._waiting()
        earliest = EARLIEST_EVENT_TRACED if wait.is_traced else EARLIEST_EVENT
        # The task polled just before it deferred, and no event may come before `EARLIEST_EVENT`.
        payload = await wait.payload(first_poll=EARLIEST_EVENT * random.uniform(0.7, 0.9))
        await asyncio.sleep(began + earliest - time.monotonic())
        yield TriggerEvent(payload)

    async def on_kill(self) -> None:
        """Cancel the batches if a user marked the task; called by Airflow when someone acts on the task.

        Airflow gives this a second and then cancels it, so the work runs in its own task.
        """
        if self.cancel_on_kill:
            work = asyncio.create_task(self._waiting().cancel_if_wanted())
            _killing.add(work)
            work.add_done_callback(_killing.discard)
            await asyncio.shield(work)

    def _waiting(self) -> Wait:
        from airflow_provider_groq.triggers.wait import Wait  # noqa: PLC0415 - Dag files with a watcher import this module

        return Wait(self)
