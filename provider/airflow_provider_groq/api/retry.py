"""When a call is retried, and after how long."""

from __future__ import annotations

import math
import random
import time
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import tenacity

from airflow_provider_groq.api.calls import Call
from airflow_provider_groq.exceptions import GroqAPIError, GroqError, GroqLostAnswerError, GroqTransportError

FIRST_DELAY = 0.5
LONGEST_DELAY = 8.0
LONGEST_RETRY_AFTER = 60.0
"""Groq's own client does not wait longer either."""

REFUSED = frozenset({408, 409, 429})
"""Statuses by which a server says that it has not done what was asked."""

UNAVAILABLE = 503
"""Says the same if it names a time to come again. If not, it may be a proxy's that lost its server halfway."""


def policy(call: Call[Any], max_retries: int) -> dict[str, Any]:
    """The arguments for tenacity, alike for its synchronous and its asynchronous driver."""
    return {
        "stop": tenacity.stop_after_attempt(max_retries + 1),
        "wait": lambda state: delay(state.outcome.exception(), state.attempt_number),
        "retry": tenacity.retry_if_exception(lambda error: may_repeat(call, error)),
        "reraise": True,
    }


def may_repeat(call: Call[Any], error: BaseException) -> bool:
    """Whether the call may be retried after this error, at no risk of doing it twice."""
    if not isinstance(error, GroqError) or not error.retryable:
        return False
    return call.repeatable or not _may_have_taken_effect(error)


def lost_answer(call: Call[Any], error: GroqError) -> GroqLostAnswerError | None:
    """What to raise in place of an error that leaves open whether the call took effect."""
    if call.repeatable or not error.retryable or not _may_have_taken_effect(error):
        return None
    return GroqLostAnswerError(
        f"The response to {call} was lost ({error}), so the batch may exist. The call is not retried, "
        "because that could cost twice. Check https://console.groq.com/batches for a new batch; if there "
        "is none, clear the task."
    )


def delay(error: BaseException | None, attempt: int) -> float:
    """Seconds to wait after the given attempt (counted from 1): what the server asks, else backoff with jitter."""
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        return min(float(retry_after), LONGEST_RETRY_AFTER)
    longest = min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(attempt - 1, 16))
    return random.uniform(longest / 2, longest)


def read_retry_after(value: str | None) -> float | None:
    """Seconds asked for by a ``Retry-After`` header: a number of seconds or a date; None if there is none."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            at = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - time.time()
    return None if math.isnan(seconds) else max(0.0, seconds)


def _may_have_taken_effect(error: GroqError) -> bool:
    if isinstance(error, GroqTransportError):
        return error.sent
    if isinstance(error, GroqAPIError):
        put_off = error.status_code == UNAVAILABLE and error.retry_after is not None
        return not put_off and error.status_code not in REFUSED
    return True
