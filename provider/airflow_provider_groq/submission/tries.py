"""What a running task is, and which of its tries this is."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import Any

from airflow.sdk import Context

from airflow_provider_groq.batches.identity import FILES_KEPT, Identity
from airflow_provider_groq.compat import started_at


@dataclass(frozen=True, slots=True)
class Try:
    """One try of a task instance.

    Attributes:
        identity: The task instance.
        first: Whether no other try came before this one.
        since: When the first batch of this task instance can have been made that is still of use, as Unix time.
    """

    identity: Identity
    first: bool
    since: float


def current_try(context: Context, *, reattach: bool) -> Try:
    """The try that is running.

    Args:
        context: Its context.
        reattach: Whether it shares its batch with the others. If not, it has an identity of its own.
    """
    ti: Any = context["ti"]
    dag_run: Any = context["dag_run"]
    only = "" if reattach else uuid.uuid4().hex
    identity = Identity(ti.dag_id, ti.task_id, ti.run_id, ti.map_index, only=only)
    # A clear moves the start of its run, but not the time from which on it was to run.
    first = ti.try_number == 1
    began = started_at(ti) if first or only else dag_run.run_after.timestamp()
    return Try(identity, first=first or bool(only), since=max(began, time.time() - FILES_KEPT))


def has_retries_left(ti: Any) -> bool:
    """Whether Airflow runs the task again if this try fails."""
    return bool(ti.try_number <= ti.max_tries)
