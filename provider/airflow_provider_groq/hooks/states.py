"""Which state a task is in, asked when Airflow stops it.

A user's mark, a clear, an eviction and a scheduler's reset all stop a task in the same way, and only
its state tells them apart.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")

MARKED = frozenset({"failed", "success", "skipped"})
"""A task that is told to stop is in one of these states if it is to have ended: somebody marked it, or its Dag
run timed out or failed fast. Either way no next try is to come."""

TRIGGERER_SECONDS = 30.0
"""How long the question may take in the triggerer, where nobody waits for the answer."""


class Question(Generic[T]):
    """Something asked of Airflow in a thread, because the answer may be late or never come.

    In a signal handler, the channel to Airflow may be held by the code that the signal interrupted: then the
    answer comes only once that code has gone on.

    Args:
        ask: Asks, and returns the answer.
    """

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._answers: list[T] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def answer(self, seconds: float) -> T | None:
        """The answer if it comes within so many seconds; None if not, or if there is none."""
        self._thread.join(seconds)
        return self._answers[0] if self._answers else None

    @property
    def open(self) -> bool:
        """Whether the answer may still come."""
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._answers.append(self._ask())
        except Exception:
            log.exception("Airflow did not report the task's state.")


def state_of(ti: Any) -> str | None:
    """The state of a task, from its own process; None if it has none.

    Args:
        ti: The task instance of the running task's context.
    """
    states = ti.get_task_states(dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id], map_index=ti.map_index)
    return _state(ti, states)


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
        log.exception("Airflow did not report the task's state.")
        return None


def _state(ti: Any, states: Mapping[str, Mapping[str, Any]]) -> str | None:
    for value in states.get(ti.run_id, {}).values():
        return None if value is None else str(getattr(value, "value", value))
    return None
