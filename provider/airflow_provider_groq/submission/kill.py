"""What a task does about its batches when Airflow stops it."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from airflow.sdk import Context

from airflow_provider_groq.api.settings import Settings
from airflow_provider_groq.batches.several import cancelling_report, left_report, names_of
from airflow_provider_groq.compat import AirflowTaskTimeout
from airflow_provider_groq.exceptions import GroqError, TaskStoppedError
from airflow_provider_groq.hooks import states
from airflow_provider_groq.hooks.cancels import cancel_batches
from airflow_provider_groq.hooks.states import Question
from airflow_provider_groq.submission.tries import has_retries_left

log = logging.getLogger(__name__)

SECONDS = 2.0
"""How long to wait for Airflow's answer inside its signal handler, and again after it."""

SLICE = 1.0
"""A signal does not end a sleep, so sleeps are this short."""


class Standing(NamedTuple):
    """How a task stands with Airflow.

    Attributes:
        state: The state of the task, whichever of its tries that is.
        superseded: Whether Airflow has given up the try that asks, or may have.
    """

    state: str | None
    superseded: bool


class Guard:
    """Knows the batches of a running task, and what to do about them when the task is killed.

    Airflow 3 calls ``on_kill`` inside a signal handler and then continues in the task's code, so
    the task looks here whether it was stopped. What a kill needs to know is gathered beforehand:
    Airflow may not answer then, and the task's own client may be in the middle of a call.

    Args:
        context: The context of the running task.
        settings: How to reach Groq.
        superseded: Says whether Airflow has given this try up.
        cancel_on_kill: Whether they are cancelled when a user marks the task.
        cancel_on_timeout: Whether they are cancelled when ``execution_timeout`` passes in the last try.
        reattach: Whether a next try would resume them.
    """

    def __init__(
        self,
        context: Context,
        settings: Settings,
        *,
        superseded: Callable[[], bool] = lambda: False,
        cancel_on_kill: bool = False,
        cancel_on_timeout: bool = False,
        reattach: bool = True,
    ) -> None:
        self._ti: Any = context["ti"]
        self._settings = settings
        self._superseded = superseded
        self._cancel_on_kill = cancel_on_kill
        self._cancel_on_timeout = cancel_on_timeout
        self._reattach = reattach
        self._question: Question[Standing] | None = None
        self._undecided = False
        self._stopped = False
        # By id, in their order; whether each is still to be cancelled if the task is told to stop.
        self._watched: dict[str, bool] = {}
        self._had_batches = False

    @property
    def stopped(self) -> bool:
        """Whether Airflow has stopped the task."""
        return self._stopped

    def kill(self) -> None:
        """The task is to stop; cancel its batches if that is what is wanted."""
        self._stopped = True
        self._question = Question(lambda: Standing(states.state_of(self._ti), self._superseded()))
        self._cancel_if_wanted()

    def watch(self, batch_id: str) -> None:
        """This is one of the task's batches from now on. If the task was stopped meanwhile, that is done now."""
        self._watched.setdefault(batch_id, True)
        self._had_batches = True
        if self._stopped:
            self._cancel_if_wanted()

    def forget(self, batch_id: str) -> None:
        """This is none of the task's batches any more, or has ended: a kill does not concern it."""
        self._watched.pop(batch_id, None)

    def check(self) -> None:
        """Go on only if the task was not stopped.

        Raises:
            TaskStoppedError: It was.
        """
        if not self._stopped:
            return
        if self._undecided:
            self._cancel_if_wanted()
        raise TaskStoppedError(f"Airflow stopped the task while {self._running()}.")

    def sleep(self, seconds: float) -> None:
        """Sleep, and return only if the task was not stopped."""
        until = time.monotonic() + seconds
        self.check()
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, SLICE))
            self.check()

    def _running(self) -> str:
        if self._watched:
            return f"{names_of(self._watched)} {'was' if len(self._watched) == 1 else 'were'} running"
        return "none of its batches was running" if self._had_batches else "no batch had been created"

    def _cancel_if_wanted(self) -> None:
        """Decide about those that are still to be cancelled."""
        batch_ids = [batch_id for batch_id, wanted in self._watched.items() if wanted]
        if not batch_ids:
            return
        wanted, why = self._decide()
        if not wanted:
            log.warning(left_report(batch_ids, why))
            return
        try:
            results = cancel_batches(self._settings, batch_ids)
        except GroqError as error:  # no client can be made
            results = dict.fromkeys(batch_ids, error)
        for batch_id, result in results.items():
            if isinstance(result, str) and batch_id in self._watched:
                self._watched[batch_id] = False
        for level, line in cancelling_report(results, why):
            log.log(level, line)

    def _decide(self) -> tuple[bool, str]:
        """Whether to cancel, and why."""
        timed_out = isinstance(sys.exc_info()[1], AirflowTaskTimeout)
        asked, name = (
            (self._cancel_on_timeout, "cancel_on_timeout") if timed_out else (self._cancel_on_kill, "cancel_on_kill")
        )
        if not asked or not self._reattach:
            return asked, "no other try would resume it (reattach=False)" if asked else f"{name} is False"
        if timed_out and has_retries_left(self._ti):
            return False, "execution_timeout passed, and the next try resumes it"
        standing = self._question.answer(SECONDS) if self._question else None
        self._undecided = bool(standing is None and self._question and self._question.open)
        if standing is None:
            return False, "Airflow did not report the task's state in time"
        if standing.superseded:
            return False, "another try of the task has taken over, or may have"
        marked = standing.state in states.MARKED
        if timed_out or marked:
            return True, "execution_timeout passed" if timed_out else f"the task was marked {standing.state}"
        state = standing.state or "unknown"
        return False, f"the task was not marked (its state is {state}), so its next try may resume it"
