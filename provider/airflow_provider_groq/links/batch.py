"""`GroqBatchLink`: from a task to its batch on Groq's console."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperatorLink

from airflow_provider_groq.batches.console import CONSOLE, console_url

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context
    from airflow.sdk.types import TaskInstanceKey


class GroqBatchLink(BaseOperatorLink):
    """The "Groq Console" button of a task. Asks nobody: the task's own XCom names the batch."""

    name = "Groq Console"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's form
        """The address of the batch's page, or that of all batches where the task has not one of its own."""
        from airflow.sdk.execution_time.xcom import XCom  # noqa: PLC0415 - where it runs, it is imported already

        batch_id = XCom.get_value(key="batch_id", ti_key=ti_key)
        return console_url(batch_id) if batch_id else CONSOLE


def announce(context: Context, batch_id: str) -> None:
    """Put the batch id and the link into XCom at once, so that they are there while the task still runs."""
    ti: Any = context["ti"]
    ti.xcom_push(key="batch_id", value=batch_id)
    ti.xcom_push(key=GroqBatchLink().xcom_key, value=console_url(batch_id))
