"""Which errors a task rides out, and how the others end it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import tenacity

from airflow_provider_groq.batches import polling
from airflow_provider_groq.compat import AirflowFailException
from airflow_provider_groq.exceptions import GroqError, GroqNotFoundError

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger(__name__)


def retry_not_found(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call, and retry a 404 for a while: Groq may not find new things at once."""
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(GroqNotFoundError),
        stop=tenacity.stop_after_delay(polling.NOT_FOUND_GRACE),
        wait=tenacity.wait_fixed(polling.FIRST_PAUSE),
        before_sleep=_tell_once,
        reraise=True,
    )(call, *args, **kwargs)


def _tell_once(state: tenacity.RetryCallState) -> None:
    if state.attempt_number == 1 and state.outcome is not None:
        log.warning("Retrying for up to %s s: %s", round(polling.NOT_FOUND_GRACE), state.outcome.exception())


@contextmanager
def fail_for_good() -> Iterator[None]:
    """Raise what no retry can fix as ``AirflowFailException``, which Airflow does not retry."""
    try:
        yield
    except GroqError as error:
        if error.retryable:
            raise
        raise AirflowFailException(f"{type(error).__name__}: {error}") from error
