"""How a task waits for its batch: in the worker first, then deferred."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.batches.console import console_url
from airflow_provider_groq.batches.events import BatchEvent, WaitEnd
from airflow_provider_groq.compat import AirflowTaskTimeout
from airflow_provider_groq.exceptions import GroqError
from airflow_provider_groq.hooks.errors import fail_for_good
from airflow_provider_groq.hooks.groq import GroqHook
from airflow_provider_groq.links.batch import announce
from airflow_provider_groq.submission.kill import Guard
from airflow_provider_groq.submission.last_seen import LastSeen, show, show_ends
from airflow_provider_groq.submission.state_store import StateStore
from airflow_provider_groq.submission.tries import has_retries_left

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_groq.operators.base import BatchOperator


WATCH_SECONDS = 10.0
"""For so long a task polls itself before it defers: deferring costs as much, and small batches end in it."""


@contextmanager
def guarded_by(operator: BatchOperator, guard: Guard) -> Iterator[None]:
    """Leave kills to the guard, those that came before it and those that come until the work is done.

    When it has failed too, for Airflow calls ``on_kill`` after a timeout.
    """
    operator._guard = guard  # noqa: SLF001 - where the operator's `on_kill` finds it
    if operator._killed:  # noqa: SLF001 - likewise
        guard.kill()
    guard.check()
    yield
    guard.check()
    operator._guard = None  # noqa: SLF001 - likewise


def make_known(operator: BatchOperator, context: Context, batch: Batch, guard: Guard, *, what: str) -> None:
    """Make the batch known: to the log, to what happens at a kill, to other tasks."""
    operator.log.info("%s batch %s: %s", what, batch.id, console_url(batch.id))
    operator.lineage.note_batch(batch)
    guard.watch(batch.id)
    guard.check()
    link(operator, context, batch.id)
    if batch.terminal or not operator.wait_for_completion:
        show(context, batch)


def link(operator: BatchOperator, context: Context, batch_id: str) -> None:
    """Make a batch known to other tasks and to the task's link, once."""
    if operator.linked_batch_id == batch_id:
        return
    operator.linked_batch_id = batch_id
    if operator.do_xcom_push:
        try:
            announce(context, batch_id)
        except Exception:
            # To fail for that would leave the batch alone, and the next try would make another.
            operator.log.exception("The id of batch %s could not be pushed to XCom; continuing without it.", batch_id)


def wait(
    operator: BatchOperator, context: Context, hook: GroqHook, batch: Batch, *, guard: Guard, end_time: float
) -> Any:
    """Wait here, or defer once it is clear that the batch takes longer."""
    here_until = min(end_time, time.time() + WATCH_SECONDS) if operator.deferrable else end_time
    last_seen = LastSeen(context, [batch.id])

    def sleep(seconds: float) -> None:
        last_seen.write()
        guard.sleep(seconds)

    (end,) = hook.wait_for_batches(
        [batch.id],
        end_time=here_until,
        poll_interval=operator.poll_interval,
        sleep=sleep,
        on_poll=last_seen.saw,
    )
    guard.check()
    if end.reason == "timeout" and here_until < end_time:
        from airflow_provider_groq.triggers.deferral import defer  # noqa: PLC0415 - not every task defers

        defer(
            operator,
            context,
            [batch.id],
            poll_interval=operator.poll_interval,
            end_time=end_time,
            kwargs={"sent": sent} if (sent := operator.lineage.sent()) else {},
            last_seen=last_seen,
            check=guard.check,
            cancel_on_kill=operator.cancel_on_kill,
            reattach=operator.reattach,
        )
    last_seen.write(now=True)
    return operator.finish(context, end)


def resume(
    operator: BatchOperator,
    context: Context,
    event: dict[str, Any],
    *,
    execution_timeout_ends: bool,
    sent: dict[str, Any] | None,
) -> Any:
    """Resume after the trigger has fired.

    Raises:
        AirflowTaskTimeout: ``execution_timeout`` passed while the task was deferred.
    """
    with fail_for_good():
        (end,) = BatchEvent.read(event).ends
        operator.linked_batch_id = end.batch_id
        operator.lineage.note_ids([end.batch_id])
        operator.lineage.note_sent(sent)
        show_ends(context, [end])
        if end.reason == "timeout" and execution_timeout_ends:
            ti: Any = context["ti"]
            # With retries left, the next try resumes the batch.
            cancel = operator.cancel_on_timeout and not (operator.reattach and has_retries_left(ti))
            end, fate = last_poll(operator, context, end, cancel=cancel)
            if end.reason == "timeout":
                raise AirflowTaskTimeout(f"execution_timeout passed. {end.message} {fate}")
        return operator.finish(context, end)


def last_poll(operator: BatchOperator, context: Context, end: WaitEnd, *, cancel: bool) -> tuple[WaitEnd, str]:
    """Poll once more for a batch whose wait has timed out, and cancel it if asked.

    Args:
        operator: The operator.
        context: The context of the running task.
        end: How the wait ended.
        cancel: Whether to cancel the batch, unless another try of the task has taken over and may want it.

    Returns:
        How the wait ended after all, and what happened to the batch, in words.
    """
    # Without reattachment no other try would want the batch.
    superseded: Callable[[], bool] = StateStore(context).superseded if operator.reattach else lambda: False
    with GroqHook(operator.groq_conn_id) as hook:
        try:
            batch = hook.get_batch(end.batch_id)
            show(context, batch)
            if batch.terminal:
                return WaitEnd(batch_id=end.batch_id, reason="terminal", batch=batch), ""
            if not cancel:
                return end, "It keeps running at Groq."
            if superseded():
                return end, "It keeps running at Groq: another try of the task has taken over, or may have."
            batch = hook.cancel_batch(end.batch_id)
            show(context, batch)
        except GroqError as error:
            return _ended(hook, end), f"It may keep running at Groq: {error}"
    return end, f"It was cancelled (cancel_on_timeout=True) and is {batch.status}."


def _ended(hook: GroqHook, end: WaitEnd) -> WaitEnd:
    """A batch that ends at this very moment cannot be cancelled any more; it has ended all the same."""
    try:
        batch = hook.get_batch(end.batch_id)
    except GroqError:
        return end
    return WaitEnd(batch_id=end.batch_id, reason="terminal", batch=batch) if batch.terminal else end
