"""What the operators that wait for a batch share: their arguments, and what Airflow calls."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from airflow_provider_groq.batches.options import check_flags, seconds
from airflow_provider_groq.lineage.methods import LineageMethods
from airflow_provider_groq.links.batch import COLOR, GroqBatchLink

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_groq.batches.events import WaitEnd
    from airflow_provider_groq.submission.kill import Guard


class BatchOperator(LineageMethods, BaseOperator):
    """Base of the operators that work on one batch and may wait for it.

    What a Dag file needs is here; what works for the task is imported when the task runs.

    Args:
        groq_conn_id: The connection.
        wait_for_completion: Whether the task ends with the batch, or before.
        deferrable: Whether it waits in the triggerer, holding no worker.
        poll_interval: The longest pause between two polls, in seconds or as a ``timedelta``.
        kwargs: The arguments of every operator.
    """

    template_fields: Sequence[str] = ("groq_conn_id",)
    template_ext: Sequence[str] = ()
    operator_extra_links = (GroqBatchLink(),)
    ui_color = COLOR
    cancel_on_kill = False
    cancel_on_timeout = False
    reattach = True
    linked_batch_id: str | None = None

    def __init__(
        self,
        *,
        groq_conn_id: str,
        wait_for_completion: bool,
        deferrable: bool,
        poll_interval: float | timedelta,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_flags(wait_for_completion=wait_for_completion, deferrable=deferrable)
        self.groq_conn_id = groq_conn_id
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.poll_interval = seconds("poll_interval", poll_interval)
        self._guard: Guard | None = None
        self._killed = False

    def execute_complete(
        self,
        context: Context,
        event: dict[str, Any],
        *,
        execution_timeout_ends: bool = False,
        sent: dict[str, Any] | None = None,
        **_later: Any,
    ) -> Any:
        """Resume after the trigger has fired; called by Airflow.

        Args:
            context: The context of the running task.
            event: The trigger's event.
            execution_timeout_ends: Whether the trigger's deadline was the end of ``execution_timeout``.
            sent: What was sent before the task deferred, for its lineage.
            _later: What a newer version of this package has added, whose worker deferred the task. It has no effect.
        """
        from airflow_provider_groq.operators import waiting  # noqa: PLC0415 - when the task runs, see above

        return waiting.resume(self, context, event, execution_timeout_ends=execution_timeout_ends, sent=sent)

    def on_kill(self) -> None:
        """Cancel the batch if a user marked the task; called by Airflow when the task is to stop."""
        self._killed = True
        if self._guard is not None:
            self._guard.kill()

    def finish(self, context: Context, end: WaitEnd) -> Any:
        """What the task does when the wait has ended."""
        raise NotImplementedError
