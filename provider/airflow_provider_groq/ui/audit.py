"""Airflow's audit log: who cancels which batch."""

from __future__ import annotations

import json
from typing import Any

from airflow.models.log import Log
from airflow.utils.session import create_session

from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.ui.owners import dags_of, owners_of

EVENT = "cancel_groq_batch"


def record_cancel(user: Any, conn_id: str, batch: Batch) -> None:
    """Write that a user asks for a batch to be cancelled, beside what else is written of its task instance.

    Args:
        user: The user, as Airflow's API knows it.
        conn_id: The connection.
        batch: The batch.
    """
    extra = json.dumps({"batch_id": batch.id, "groq_conn_id": conn_id})
    owner = owners_of([batch]).get(batch.id)
    whose: dict[str, Any] = {"dag_id": dags_of([batch]).get(batch.id)}
    if owner:
        whose |= {"task_id": owner.task_id, "run_id": owner.run_id, "map_index": owner.map_index}
    with create_session() as session:
        session.add(Log(EVENT, owner=user.get_name(), owner_display_name=user.get_name(), extra=extra, **whose))
