"""Which state a task is in, asked when it is told to stop.

A user's mark, a clear, an eviction and a scheduler's reset all stop a task in the same way, and only
its state tells them apart.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping
from typing import Any

log = logging.getLogger(__name__)

MARKED = frozenset({"failed", "success", "skipped"})
"""A task that is told to stop is in one of these states only if somebody marked it."""

SECONDS = 3.0
"""How long the question may take in a task: the channel to Airflow can be busy, and Airflow does not wait long."""

TRIGGERER_SECONDS = 30.0
"""How long it may take in the triggerer, where nobody waits for the answer."""


def ask(ti: Any) -> str | None:
    """The state of a task, from its own process; None if it has none, or Airflow does not say in time.

    Asked in a thread: in a signal handler, the channel may be held by the code that the signal interrupted.

    Args:
        ti: The task instance of the running task's context.
    """
    answer: list[str | None] = []

    def asking() -> None:
        try:
            states = ti.get_task_states(
                dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id], map_index=ti.map_index
            )
        except Exception:
            log.exception("Airflow did not say which state the task is in.")
        else:
            answer.append(_state(ti, states))

    thread = threading.Thread(target=asking, daemon=True)
    thread.start()
    thread.join(SECONDS)
    return answer[0] if answer else None


async def ask_in_triggerer(ti: Any) -> str | None:
    """The state of a deferred task, from the triggerer; None if it has none, or Airflow does not say in time.

    Args:
        ti: The task instance of the trigger.
    """
    from airflow.sdk.execution_time import task_runner  # noqa: PLC0415 - set up by the triggerer as it starts
    from airflow.sdk.execution_time.comms import GetTaskStates  # noqa: PLC0415

    question = GetTaskStates(dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id], map_index=ti.map_index)
    try:
        async with asyncio.timeout(TRIGGERER_SECONDS):
            answer: Any = await task_runner.SUPERVISOR_COMMS.asend(question)
        return _state(ti, answer.task_states)
    except Exception:
        log.exception("Airflow did not say which state the task is in.")
        return None


def _state(ti: Any, states: Mapping[str, Mapping[str, Any]]) -> str | None:
    for value in states.get(ti.run_id, {}).values():
        return None if value is None else str(getattr(value, "value", value))
    return None
