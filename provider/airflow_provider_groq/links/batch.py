"""`GroqBatchLink`: from a task to its batch on Groq's console."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperatorLink

from airflow_provider_groq.batches.console import CONSOLE, console_url

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context
    from airflow.sdk.types import TaskInstanceKey


COLOR = "#fbe3dc"
"""That of the tasks that have the link."""


class GroqBatchLink(BaseOperatorLink):
    """The "Groq Console" button of a task.

    Airflow asks for the address when the task's process ends, also when it defers. The operator knows its batch
    then (attribute ``linked_batch_id``).
    """

    name = "Groq Console"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 - Airflow's form
        """The address of the batch's page, or of the page of all batches, if the task has several or none."""
        batch_id = getattr(operator, "linked_batch_id", None)
        return console_url(batch_id) if batch_id else CONSOLE


def announce(context: Context, batch_id: str) -> None:
    """Put the batch id and the link into XCom at once, so that they are there while the task still runs."""
    ti: Any = context["ti"]
    ti.xcom_push(key="batch_id", value=batch_id)
    ti.xcom_push(key=GroqBatchLink().xcom_key, value=console_url(batch_id))
