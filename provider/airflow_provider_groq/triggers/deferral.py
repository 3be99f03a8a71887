"""How a task hands its wait over to the triggerer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_groq import telemetry
from airflow_provider_groq.batches.outcome import clock
from airflow_provider_groq.compat import started_at
from airflow_provider_groq.triggers.batch import GroqBatchTrigger

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context

    from airflow_provider_groq.submission.last_seen import LastSeen


def defer(
    operator: BaseOperator,
    context: Context,
    batch_ids: list[str],
    *,
    poll_interval: float,
    end_time: float,
    last_seen: LastSeen,
    check: Callable[[], object] = lambda: None,
    kwargs: Mapping[str, Any] | None = None,
    **options: Any,
) -> NoReturn:
    """Hand the wait over to the triggerer.

    Airflow does not enforce ``execution_timeout`` while a task is deferred, so the wait ends with it.

    Args:
        operator: The operator or sensor.
        context: The context of the running task.
        batch_ids: The batches.
        poll_interval: The longest pause between two polls, in seconds.
        end_time: When to give up, as Unix time.
        last_seen: What the task's page shows of the batches. Airflow takes nothing for it from a triggerer.
        check: Called last of all. It raises if the task was stopped meanwhile.
        kwargs: The arguments of ``execute_complete``.
        options: For `GroqBatchTrigger`.
    """
    ends = end_time
    if operator.execution_timeout is not None:
        ends = min(ends, started_at(context["ti"]) + operator.execution_timeout.total_seconds())
    last_seen.write(now=True, waiting=f"in the triggerer until {clock(ends)} at the latest; progress is in the log")
    # Airflow does it when the task process ends, which must not last longer than `EARLIEST_EVENT_TRACED` allows.
    telemetry.flush_spans()
    operator.log.info(
        "Deferring until %s at the latest; the triggerer polls every %g s.",
        clock(ends),
        poll_interval,
    )
    check()
    operator.defer(
        trigger=GroqBatchTrigger(
            batch_ids=batch_ids,
            groq_conn_id=operator.groq_conn_id,  # type: ignore[attr-defined]
            poll_interval=poll_interval,
            end_time=ends,
            **options,
        ),
        method_name="execute_complete",
        kwargs={**(kwargs or {}), **({"execution_timeout_ends": True} if ends < end_time else {})} or None,
    )
