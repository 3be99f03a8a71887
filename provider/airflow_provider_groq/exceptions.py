"""Every error of this package.

::

    GroqError
    ├── GroqConnectionError         the Airflow connection cannot be used
    ├── GroqInputError              a request, a path or an argument is invalid; nothing was sent
    ├── GroqStorageError            the storage of an input or output path is unreachable
    ├── GroqTransportError          no complete response arrived: refused, reset, cut short, timed out
    │   └── GroqLostAnswerError     ... to a call that must not be repeated
    ├── GroqLookupError             it is unknown whether the task already has a batch
    ├── GroqResponseError           the response is not from Groq
    ├── GroqAPIError                Groq returned an error
    │   ├── GroqAuthenticationError     401
    │   ├── GroqPermissionError         403
    │   ├── GroqNotFoundError           404
    │   └── GroqRateLimitError          429
    ├── GroqJobError                too many rows of a job failed, or its work folder is gone
    ├── TaskStoppedError            Airflow stopped the task, or gave up its try
    └── GroqBatchError              the batch did not end well
        ├── GroqBatchFailedError        the whole batch failed, for example because of its input file
        ├── GroqBatchExpiredError       the completion window closed first
        ├── GroqBatchCancelledError     it was cancelled
        ├── GroqBatchRequestsError      requests in it failed
        ├── GroqBatchTimeoutError       the wait's deadline passed
        ├── GroqBatchUnknownError       Groq refuses to return its status
        ├── GroqBatchResultsPendingError    it has ended, but a result file is missing
        └── GroqBatchNotEndedError      it is still running
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TRANSIENT, SERVER_ERRORS = frozenset({408, 409, 429}), 500
"""Transient statuses; all from `SERVER_ERRORS` up are transient too, as in Groq's own client."""


class GroqError(Exception):
    """The base of all errors of this package.

    Attributes:
        retryable: Whether a retry can succeed. Operators and sensors raise ``AirflowFailException``
            for errors that no retry can fix.
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
    """The Airflow connection lacks a value or has an invalid one."""


class GroqInputError(GroqError):
    """A request, a path or an argument is invalid; nothing was sent.

    Attributes:
        line: The number of the offending line, counted from 1, or None.
    """

    def __init__(self, message: str, *, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


class GroqStorageError(GroqError):
    """The storage of an input or output path is unreachable, slow or overloaded."""

    retryable = True


class GroqTransportError(GroqError):
    """No complete response arrived: refused, reset, cut short or timed out.

    Attributes:
        sent: Whether the request may have reached the server.
    """

    retryable = True

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


class GroqLostAnswerError(GroqTransportError):
    """The response to a call that must not be repeated was lost, so its effect is unknown."""

    retryable = False


class GroqLookupError(GroqError):
    """It is unknown whether the task already has a batch, so none was created.

    The next try searches again.
    """

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.retryable = retryable


class GroqResponseError(GroqError):
    """A response arrived that is not Groq's: a proxy's page, malformed JSON, a redirect."""

    retryable = True


class GroqAPIError(GroqError):
    """Groq returned an error.

    Attributes:
        status_code: The HTTP status.
        type: Groq's ``error.type``, or "".
        code: Groq's ``error.code``, or "".
        retry_after: Seconds to wait, as the server asked, or None.
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
        """Whether the status is transient: 408, 409, 429 and 5xx.

        The list is that of Groq's own client.
        """
        return self.status_code in TRANSIENT or self.status_code >= SERVER_ERRORS


class GroqAuthenticationError(GroqAPIError):
    """401: the API key is missing, wrong or revoked."""


class GroqPermissionError(GroqAPIError):
    """403: the key is valid, but not allowed to do this (a plan without the Batch API, another account's batch)."""


class GroqNotFoundError(GroqAPIError):
    """404: no such batch, file or path for this key."""


class GroqRateLimitError(GroqAPIError):
    """429: too many requests."""


class GroqJobError(GroqError):
    """A job failed: too many rows failed, its canary failed, it would cost too much, or its work folder is gone."""


class TaskStoppedError(GroqError):
    """Airflow stopped the task while its batches were running, or gave up its try."""

    retryable = True


class GroqBatchError(GroqError):
    """A batch did not end well.

    Attributes:
        batch_id: The batch.
    """

    def __init__(self, message: str, *, batch_id: str) -> None:
        super().__init__(message)
        self.batch_id = batch_id


class GroqBatchFailedError(GroqBatchError):
    """The whole batch failed: Groq rejected the input file or could not process it.

    Retryable if the input is not at fault; a retry creates a new batch.
    """

    def __init__(self, message: str, *, batch_id: str, retryable: bool = False) -> None:
        super().__init__(message, batch_id=batch_id)
        self.retryable = retryable


class GroqBatchExpiredError(GroqBatchError):
    """The completion window closed before the batch was done."""


class GroqBatchCancelledError(GroqBatchError):
    """A task, a person or another program cancelled the batch."""


class GroqBatchRequestsError(GroqBatchError):
    """The batch completed, but requests in it failed."""


class GroqBatchTimeoutError(GroqBatchError):
    """The wait's deadline passed while the batch was still running.

    Not retried, since a retry would pay for another batch with the same time limit.
    """


class GroqBatchUnknownError(GroqBatchError):
    """Groq refuses to return the batch: the key is refused, or the batch does not exist."""


class GroqBatchResultsPendingError(GroqBatchError):
    """The batch has ended, but a result file that its counts promise has no id yet."""

    retryable = True


class GroqBatchNotEndedError(GroqBatchError):
    """The call needs a batch that has ended, but this one is still running."""

    retryable = True


API_ERRORS: Mapping[int, type[GroqAPIError]] = {
    401: GroqAuthenticationError,
    403: GroqPermissionError,
    404: GroqNotFoundError,
    429: GroqRateLimitError,
}
