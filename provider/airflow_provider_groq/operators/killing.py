"""What a task does about its batch when it is told to stop."""

from __future__ import annotations

import logging
import sys
import time
from typing import Any

from airflow.providers.common.compat.sdk import AirflowTaskTimeout, Context

from airflow_provider_groq.api import calls
from airflow_provider_groq.api.client import GroqClient
from airflow_provider_groq.api.settings import Settings
from airflow_provider_groq.exceptions import GroqError
from airflow_provider_groq.hooks import states

log = logging.getLogger(__name__)

KILL_TIMEOUT = 5.0
"""Seconds for each step of the cancelling: Airflow does not wait long."""

SLICE = 1.0
"""A signal does not end a sleep, so sleeps are this short."""


class TaskStoppedError(GroqError):
    """The task was told to stop while its batch was under way."""

    retryable = True


class Guard:
    """Knows the batch of a running task, and what to do about it when the task is killed.

    Airflow 3 calls ``on_kill`` inside a signal handler and then goes on in the task's code, so
    the task looks here whether it was stopped. What a kill needs to know is gathered beforehand:
    Airflow may not answer then, and the task's own client may be in the middle of a call.

    Args:
        context: The context of the running task.
        settings: How to reach Groq.
        cancel_on_kill: Whether a batch is cancelled when a user marks its task.
        cancel_on_timeout: Whether it is cancelled when ``execution_timeout`` passes.
    """

    def __init__(self, context: Context, settings: Settings, *, cancel_on_kill: bool, cancel_on_timeout: bool) -> None:
        self._ti: Any = context["ti"]
        self._settings = settings.hurried(KILL_TIMEOUT)
        self._cancel_on_kill = cancel_on_kill
        self._cancel_on_timeout = cancel_on_timeout
        self._stopped = False
        self.batch_id: str | None = None

    def kill(self) -> None:
        """The task is to stop; cancel its batch if that is what is wanted."""
        self._stopped = True
        if self.batch_id is not None:
            self._cancel_if_wanted(self.batch_id)

    def watch(self, batch_id: str) -> None:
        """The batch exists from now on. If the task was stopped meanwhile, that is done now."""
        self.batch_id = batch_id
        if self._stopped:
            self._cancel_if_wanted(batch_id)
        self.check()

    def check(self) -> None:
        """Go on only if the task was not stopped.

        Raises:
            TaskStoppedError: It was.
        """
        if self._stopped:
            batch = f"batch {self.batch_id} was under way" if self.batch_id else "no batch had been created"
            raise TaskStoppedError(f"The task was told to stop while {batch}.")

    def sleep(self, seconds: float) -> None:
        """Sleep, and go on only if the task was not stopped."""
        until = time.monotonic() + seconds
        self.check()
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(left, SLICE))
            self.check()

    def _cancel_if_wanted(self, batch_id: str) -> None:
        wanted, why = self._decide()
        if not wanted:
            log.warning("Batch %s is left as it is, and goes on at Groq: %s.", batch_id, why)
            return
        try:
            with GroqClient(self._settings) as client:
                batch = client.send(calls.cancel_batch(batch_id), max_retries=1)
        except GroqError as error:
            log.error("Batch %s could not be cancelled, and goes on at Groq: %s", batch_id, error)  # noqa: TRY400
        else:
            log.info("Batch %s is %s: %s.", batch_id, batch.status, why)

    def _decide(self) -> tuple[bool, str]:
        if isinstance(sys.exc_info()[1], AirflowTaskTimeout):
            return (
                self._cancel_on_timeout,
                f"execution_timeout passed (cancel_on_timeout={self._cancel_on_timeout})",
            )
        if not self._cancel_on_kill:
            return False, "cancel_on_kill is False"
        state = states.ask(self._ti)
        if state in states.MARKED:
            return True, f"the task was marked {state}"
        return (
            False,
            f"nobody marked the task (its state is {state or 'not known'}), so its next try may want it",
        )
