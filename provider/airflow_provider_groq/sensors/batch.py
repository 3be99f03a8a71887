"""`GroqBatchSensor`: waits for batches created elsewhere.

The class and its arguments, which a Dag file needs. What it does is in `polls`, which is imported when the
task runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator

from airflow_provider_groq.batches.options import check_flags, seconds
from airflow_provider_groq.compat import DEFERRABLE
from airflow_provider_groq.hooks import DEFAULT_CONN_ID
from airflow_provider_groq.lineage.methods import LineageMethods
from airflow_provider_groq.links.batch import COLOR, GroqBatchLink

if TYPE_CHECKING:
    from airflow.sdk import Context, PokeReturnValue

    from airflow_provider_groq.sensors.polls import Polls


class GroqBatchSensor(LineageMethods, BaseSensorOperator):
    """Waits until one batch, or each of several, has ended well.

    Args:
        batch_id: The batch, or a list of them.
        groq_conn_id: The connection.
        deferrable: Whether it waits in the triggerer, holding no worker; by default ``[operators] default_deferrable``
            of Airflow's configuration.
        poll_interval: The longest pause between two polls, in seconds or as a ``timedelta``; by default
            ``poke_interval``.
        fail_on_partial_error: Whether the task fails when only some of a batch's requests succeeded.
        kwargs: ``timeout`` (7 days by default), ``mode`` (unless deferrable), ``soft_fail`` and what any sensor takes.

    Raises:
        GroqInputError: An argument is invalid.
    """

    template_fields: Sequence[str] = ("batch_id", "groq_conn_id")
    template_ext: Sequence[str] = ()
    operator_extra_links = (GroqBatchLink(),)
    ui_color = COLOR
    linked_batch_id: str | None = None
    lineage_reads = ("batch_id",)

    def __init__(
        self,
        *,
        batch_id: str | Sequence[str],
        groq_conn_id: str = DEFAULT_CONN_ID,
        deferrable: bool = DEFERRABLE,
        poll_interval: float | timedelta | None = None,
        fail_on_partial_error: bool = False,
        **kwargs: Any,
    ) -> None:
        if poll_interval is not None:
            kwargs["poke_interval"] = seconds("poll_interval", poll_interval)
        elif "poke_interval" in kwargs:
            seconds("poke_interval", kwargs["poke_interval"])
        if kwargs.get("timeout"):  # None is Airflow's default, and 0 polls once
            seconds("timeout", kwargs["timeout"])
        super().__init__(**kwargs)
        check_flags(deferrable=deferrable, fail_on_partial_error=fail_on_partial_error)
        self.batch_id = batch_id
        self.groq_conn_id = groq_conn_id
        self.deferrable = deferrable
        self.fail_on_partial_error = fail_on_partial_error
        self._polls: Polls | None = None

    def execute(self, context: Context) -> Any:
        """Wait for the batches.

        Returns:
            The batch as a dict, or a list of them in the order asked for.

        Raises:
            AirflowFailException: A batch did not end well, or Groq refuses to return its status.
            AirflowSensorTimeout: The timeout passed first.
            AirflowTaskTimeout: ``execution_timeout`` passed first.
            GroqBatchResultsPendingError: A batch has ended, but its result files are not available yet.
        """
        # One operator may be run more than once in a process, as dag.test() does.
        self._polls = None
        self.begin_lineage()
        if not self.deferrable:
            return super().execute(context)
        from airflow_provider_groq.sensors import polls  # noqa: PLC0415 - when the task runs, see above

        return polls.poke_or_defer(self, context)

    def poke(self, context: Context) -> PokeReturnValue:
        """Poll the batches that have not ended yet."""
        from airflow_provider_groq.sensors.polls import Polls  # noqa: PLC0415 - when the task runs, see above

        if self._polls is None:
            self._polls = Polls(self, context)
        return self._polls.poke()

    def execute_complete(
        self,
        context: Context,
        event: dict[str, Any],
        *,
        execution_timeout_ends: bool = False,
        **_later: Any,
    ) -> Any:
        """Resume after the trigger has fired; called by Airflow.

        Args:
            context: The context of the running task.
            event: The trigger's event.
            execution_timeout_ends: Whether the trigger's deadline was the end of ``execution_timeout``.
            _later: What a newer version of this package has added, whose worker deferred the task. It has no effect.
        """
        from airflow_provider_groq.sensors import polls  # noqa: PLC0415 - when the task runs, see above

        return polls.resume(self, context, event, execution_timeout_ends=execution_timeout_ends)
