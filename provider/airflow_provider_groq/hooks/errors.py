"""How errors of this package end a task."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_groq.exceptions import GroqError


@contextmanager
def fail_for_good() -> Iterator[None]:
    """Raise what no retry can mend as ``AirflowFailException``, which Airflow does not try again."""
    try:
        yield
    except GroqError as error:
        if error.retryable:
            raise
        raise AirflowFailException(f"{type(error).__name__}: {error}") from error
