"""Airflow's audit log: who cancelled which batch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from airflow.models.log import Log
from airflow.utils.session import create_session

from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.ui.owners import dags_of, owners_of

EVENT = "cancel_groq_batch"


def record_cancels(user: Any, conn_id: str, batches: Sequence[Batch]) -> None:
    """Write that a user asks for batches to be cancelled, each beside what else is written of its task instance.

    Args:
        user: The user, as Airflow's API knows it.
        conn_id: The connection.
        batches: The batches.
    """
    owners, dags = owners_of(batches), dags_of(batches)
    with create_session() as session:
        for batch in batches:
            whose: dict[str, Any] = {"dag_id": dags.get(batch.id)}
            if owner := owners.get(batch.id):
                whose |= {"task_id": owner.task_id, "run_id": owner.run_id, "map_index": owner.map_index}
            extra = json.dumps({"batch_id": batch.id, "groq_conn_id": conn_id})
            session.add(Log(EVENT, owner=user.get_name(), owner_display_name=user.get_name(), extra=extra, **whose))
