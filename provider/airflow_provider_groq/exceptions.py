"""Every error of this package.

::

    GroqError
    ├── GroqConnectionError         the Airflow connection cannot be used as it stands
    ├── GroqInputError              the requests are wrong; nothing was sent
    ├── GroqStorageError            the storage of an input or output path is away
    ├── GroqTransportError          no whole answer arrived: refused, reset, cut short, timed out
    │   └── GroqLostAnswerError     ... to a call that must not be sent twice
    ├── GroqLookupError             whether the task has a batch already is not known
    ├── GroqResponseError           an answer arrived that is not Groq's
    ├── GroqAPIError                Groq answered with an error
    │   ├── GroqAuthenticationError     401
    │   ├── GroqPermissionError         403
    │   ├── GroqNotFoundError           404
    │   └── GroqRateLimitError          429
    ├── GroqJobError                too many rows of a job failed, or its work folder is gone
    └── GroqBatchError              the batch did not end well
        ├── GroqBatchFailedError        the batch as a whole failed, such as for a wrong input file
        ├── GroqBatchExpiredError       the completion window closed first
        ├── GroqBatchCancelledError     somebody cancelled it
        ├── GroqBatchRequestsError      requests in it failed
        ├── GroqBatchTimeoutError       the wait's deadline passed
        ├── GroqBatchUnknownError       Groq refuses to say how it stands
        ├── GroqBatchResultsPendingError    it has ended, and a result file is not there yet
        └── GroqBatchNotEndedError      it is still under way
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PASSING, SERVER_ERRORS = frozenset({408, 409, 429}), 500
"""Statuses that pass, and from where on all do, as Groq's own client has them."""


class GroqError(Exception):
    """The root of every error that this package raises on purpose.

    Attributes:
        retryable: Whether the same call, made again later, can end differently. Operators and
            sensors raise ``AirflowFailException`` for what no retry can mend.
    """

    retryable = False

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors travel between processes, though some need keyword arguments to be made."""
        return _made_again, (type(self), self.args, vars(self))


def _made_again(kind: type[GroqError], args: tuple[Any, ...], state: dict[str, Any]) -> GroqError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class GroqConnectionError(GroqError):
    """The Airflow connection lacks something or says something that cannot be used."""


class GroqInputError(GroqError):
    """The requests, or what was asked of the batch, are wrong; nothing was sent.

    Attributes:
        line: The number of the offending line, counted from 1, or None.
    """

    def __init__(self, message: str, *, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


class GroqStorageError(GroqError):
    """The storage of an input or output path is away, slow or overloaded."""

    retryable = True


class GroqTransportError(GroqError):
    """No whole answer arrived: refused, reset, cut short or timed out.

    Attributes:
        sent: Whether the request may have reached the server.
    """

    retryable = True

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


class GroqLostAnswerError(GroqTransportError):
    """The answer to a call that must not be sent twice was lost, so its effect is not known."""

    retryable = False


class GroqLookupError(GroqError):
    """Whether the task has a batch already could not be found out, so none was created.

    What was done so far is kept for the next try.
    """

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.retryable = retryable


class GroqResponseError(GroqError):
    """An answer arrived that is not Groq's: a proxy's page, malformed JSON, a redirect."""

    retryable = True


class GroqAPIError(GroqError):
    """Groq answered with an error.

    Attributes:
        status_code: The HTTP status.
        type: Groq's ``error.type``, or "".
        code: Groq's ``error.code``, or "".
        retry_after: Seconds that the server asked to wait, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        status_code: int,
        type: str = "",  # noqa: A002 - Groq's name for it
        code: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.type = type
        self.code = code
        self.retry_after = retry_after

    @property
    def retryable(self) -> bool:  # type: ignore[override]
        """Whether the status is one that passes: 408, 409, 429 and 5xx.

        The list is that of Groq's own client.
        """
        return self.status_code in PASSING or self.status_code >= SERVER_ERRORS


class GroqAuthenticationError(GroqAPIError):
    """401: the API key is missing, wrong or revoked."""


class GroqPermissionError(GroqAPIError):
    """403: the key is good, but may not do this (a plan without batches, another account's batch)."""


class GroqNotFoundError(GroqAPIError):
    """404: no such batch, file or path for this key."""


class GroqRateLimitError(GroqAPIError):
    """429: too many requests."""


class GroqJobError(GroqError):
    """A job did not end well: too many of its rows failed, its canary did, it costs too much, or its folder is gone."""


class GroqBatchError(GroqError):
    """A batch did not end well.

    Attributes:
        batch_id: The batch.
    """

    def __init__(self, message: str, *, batch_id: str) -> None:
        super().__init__(message)
        self.batch_id = batch_id


class GroqBatchFailedError(GroqBatchError):
    """The batch as a whole failed: Groq rejected the input file, or could not work on it.

    Retryable where the reason says nothing against the input; a retry creates a new batch.
    """

    def __init__(self, message: str, *, batch_id: str, retryable: bool = False) -> None:
        super().__init__(message, batch_id=batch_id)
        self.retryable = retryable


class GroqBatchExpiredError(GroqBatchError):
    """The completion window closed before the work was done."""


class GroqBatchCancelledError(GroqBatchError):
    """Somebody cancelled the batch."""


class GroqBatchRequestsError(GroqBatchError):
    """The batch completed, but requests in it failed."""


class GroqBatchTimeoutError(GroqBatchError):
    """The wait's deadline passed while the batch was still under way.

    No retry: the batch was cancelled, and a retry would pay for another, for which the same time may be too short.
    """


class GroqBatchUnknownError(GroqBatchError):
    """Groq refuses to say how the batch stands: the key is refused, or there is no such batch."""


class GroqBatchResultsPendingError(GroqBatchError):
    """The batch has ended, and promises answers in a file that has no id yet."""

    retryable = True


class GroqBatchNotEndedError(GroqBatchError):
    """What was asked needs a batch that has ended, and this one is still under way."""

    retryable = True


API_ERRORS: Mapping[int, type[GroqAPIError]] = {
    401: GroqAuthenticationError,
    403: GroqPermissionError,
    404: GroqNotFoundError,
    429: GroqRateLimitError,
}
