"""Cancelling many batches at the same time, when a task is killed and has little time.

In threads: httpx needs several times as much work for as many coroutines, in the event loop of all triggers.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from airflow_provider_groq.api import calls
from airflow_provider_groq.api.client import GroqClient
from airflow_provider_groq.api.settings import Settings
from airflow_provider_groq.exceptions import GroqError, GroqTransportError

TIMEOUT = 5.0
"""Seconds for each step of a cancelling: Airflow does not wait long."""

LONGEST_DELAY = 1.0
"""Seconds before a cancelling is retried, however long Groq asks to wait."""

CANCELS_AT_ONCE = 32
"""How many batches are cancelled at the same time."""

CANCELLING_SECONDS = 15.0
"""After so many seconds no cancelling begins any more: an unreachable Groq would delay the task."""


def cancel_batches(settings: Settings, batch_ids: Sequence[str]) -> dict[str, str | GroqError]:
    """Cancel batches, and return the status of each since then, or why it could not be cancelled.

    Args:
        settings: How to reach Groq.
        batch_ids: The batches, each once.
    """
    until = time.monotonic() + CANCELLING_SECONDS
    with GroqClient(settings.hurried(TIMEOUT)) as client:

        def cancel(batch_id: str) -> str | GroqError:
            if time.monotonic() > until:
                return GroqTransportError("Cancelling the others took too long.", sent=False)
            try:
                return client.send(calls.cancel_batch(batch_id), max_retries=1, sleep=_briefly).status
            except GroqError as error:
                return error

        if len(batch_ids) == 1:
            return {batch_ids[0]: cancel(batch_ids[0])}
        with ThreadPoolExecutor(CANCELS_AT_ONCE, thread_name_prefix="groq-cancel") as pool:
            return dict(zip(batch_ids, pool.map(cancel, batch_ids), strict=True))


def _briefly(seconds: float) -> None:
    time.sleep(min(seconds, LONGEST_DELAY))
