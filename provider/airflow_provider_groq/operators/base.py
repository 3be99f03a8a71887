"""What the operators that wait for a batch share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from airflow.sdk import BaseOperator, Context

from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.batches.console import console_url
from airflow_provider_groq.batches.events import BatchEvent, WaitEnd
from airflow_provider_groq.batches.requests import check_seconds
from airflow_provider_groq.compat import conf
from airflow_provider_groq.exceptions import GroqError
from airflow_provider_groq.hooks.errors import fail_for_good
from airflow_provider_groq.hooks.groq import GroqHook
from airflow_provider_groq.links.batch import GroqBatchLink, announce
from airflow_provider_groq.operators.killing import Guard

DEFERRABLE = conf.getboolean("operators", "default_deferrable", fallback=False)

WATCH_SECONDS = 10.0
"""For so long a task looks itself before it defers: deferring costs as much, and small batches end in it."""


class BatchOperator(BaseOperator):
    """Base of the operators that work on one batch and may wait for it.

    Args:
        groq_conn_id: The connection.
        wait_for_completion: Whether the task ends with the batch, or before.
        deferrable: Whether it waits in the triggerer, holding no worker.
        poll_interval: The longest pause between two looks at the batch, in seconds.
    """

    template_fields: Sequence[str] = ("groq_conn_id",)
    template_ext: Sequence[str] = ()
    operator_extra_links = (GroqBatchLink(),)
    ui_color = "#fbe3dc"
    cancel_on_kill = False
    reattach = True

    def __init__(
        self,
        *,
        groq_conn_id: str = GroqHook.default_conn_name,
        wait_for_completion: bool = True,
        deferrable: bool = DEFERRABLE,
        poll_interval: float = 60.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_seconds(poll_interval=poll_interval)
        self.groq_conn_id = groq_conn_id
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self._guard: Guard | None = None
        self._killed = False

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:
        """Go on when the trigger has fired; called by Airflow."""
        with fail_for_good():
            (end,) = BatchEvent.read(event).ends
            return self._finish(context, end)

    def on_kill(self) -> None:
        """Cancel the batch if a user marked the task; called by Airflow when the task is to stop."""
        self._killed = True
        if self._guard is not None:
            self._guard.kill()

    @contextmanager
    def _guarded_by(self, guard: Guard) -> Iterator[None]:
        """Leave kills to the guard, those that came before it and those that come until the work is done.

        When it has failed too, for Airflow calls ``on_kill`` after a timeout.
        """
        self._guard = guard
        if self._killed:
            guard.kill()
        guard.check()
        yield
        guard.check()
        self._guard = None

    def _say(self, context: Context, batch: Batch, what: str, guard: Guard) -> None:
        """Make the batch known: to the log, to what happens at a kill, to other tasks."""
        self.log.info("%s batch %s, to be seen at %s", what, batch.id, console_url(batch.id))
        guard.watch(batch.id)
        guard.check()
        if self.do_xcom_push:
            try:
                announce(context, batch.id)
            except Exception:
                # To fail for that would leave the batch alone, and the next try would make another.
                self.log.exception("The id of batch %s could not be put into XCom; going on without.", batch.id)

    def _wait(self, context: Context, hook: GroqHook, batch: Batch, *, guard: Guard, end_time: float) -> Any:
        """Wait here, or defer once it is clear that the batch takes longer."""
        looking_until = min(end_time, time.time() + WATCH_SECONDS) if self.deferrable else end_time
        end = hook.wait_for_batch(batch.id, end_time=looking_until, poll_interval=self.poll_interval, sleep=guard.sleep)
        guard.check()
        if end.reason == "timeout" and looking_until < end_time:
            # Imported where it is used: Airflow's triggers cost a Dag's file a third of what all of this does.
            from airflow_provider_groq.triggers.batch import GroqBatchTrigger  # noqa: PLC0415

            self.defer(
                trigger=GroqBatchTrigger(
                    batch_ids=[batch.id],
                    groq_conn_id=self.groq_conn_id,
                    poll_interval=self.poll_interval,
                    end_time=end_time,
                    cancel_on_kill=self.cancel_on_kill,
                    reattach=self.reattach,
                ),
                method_name="execute_complete",
            )
        return self._finish(context, end)

    def _finish(self, context: Context, end: WaitEnd) -> Any:
        """What the task does when the wait has ended."""
        raise NotImplementedError


def settle_timeout(
    groq_conn_id: str, end: WaitEnd, *, cancel: bool, superseded: Callable[[], bool]
) -> tuple[WaitEnd, str]:
    """Look a last time at a batch whose wait has timed out, and cancel it if asked.

    Args:
        groq_conn_id: The connection.
        end: How the wait ended.
        cancel: Whether to cancel the batch.
        superseded: Says whether another try of the task has taken over, and may want it.

    Returns:
        How the wait ended after all, and what came of the batch, in words.
    """
    with GroqHook(groq_conn_id) as hook:
        try:
            batch = hook.get_batch(end.batch_id)
            if batch.terminal:
                return WaitEnd(batch_id=end.batch_id, reason="terminal", batch=batch), ""
            if not cancel:
                return end, "It goes on at Groq."
            if superseded():
                return end, "It goes on at Groq: another try of the task has taken over, or may have."
            batch = hook.cancel_batch(end.batch_id)
        except GroqError as error:
            return _ended(hook, end), f"It may go on at Groq: {error}"
    return end, f"It was cancelled (cancel_on_timeout=True) and is {batch.status}."


def _ended(hook: GroqHook, end: WaitEnd) -> WaitEnd:
    """A batch that ends at this very moment cannot be cancelled any more; it has ended all the same."""
    try:
        batch = hook.get_batch(end.batch_id)
    except GroqError:
        return end
    return WaitEnd(batch_id=end.batch_id, reason="terminal", batch=batch) if batch.terminal else end
