"""The tree of errors."""

import inspect
import pickle
import re

import pytest

from airflow_provider_groq import exceptions
from airflow_provider_groq.exceptions import (
    API_ERRORS,
    GroqAPIError,
    GroqAuthenticationError,
    GroqBatchError,
    GroqConnectionError,
    GroqError,
    GroqInputError,
    GroqLostAnswerError,
    GroqNotFoundError,
    GroqPermissionError,
    GroqRateLimitError,
    GroqResponseError,
    GroqTransportError,
)

ERRORS = [
    error
    for _, error in inspect.getmembers(exceptions, inspect.isclass)
    if issubclass(error, Exception) and error.__module__ == exceptions.__name__
]


def make(kind, status=400):
    if issubclass(kind, GroqAPIError):
        return kind("What.", status_code=status, type="t", code="c", retry_after=5.0)
    return kind("What.", batch_id="batch_1") if issubclass(kind, GroqBatchError) else kind("What.")


def drawn():
    """The tree as the module's docstring draws it: each error with its parent."""
    above, parents = [], {}
    for branch, name in re.findall(r"^ {4}([│├└─ ]*)(\w+Error)", exceptions.__doc__, re.MULTILINE):
        depth = len(branch) // 4
        del above[depth:]
        parents[name] = above[-1] if above else "Exception"
        above.append(name)
    return parents


def test_the_docstring_draws_the_tree_as_it_is():
    assert drawn() == {error.__name__: error.__base__.__name__ for error in ERRORS}
    assert len(ERRORS) == len(drawn()) > 15


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_is_one_of_groq_and_says_what_it_was_given(kind):
    error = make(kind)
    assert isinstance(error, GroqError)
    assert str(error) == "What."
    assert kind.__doc__
    assert kind.__name__.endswith("Error")


def test_errors_carry_what_they_are_about():
    error = make(GroqRateLimitError, 429)
    assert (error.status_code, error.type, error.code, error.retry_after) == (429, "t", "c", 5.0)
    bare = GroqAPIError("What.", status_code=500)
    assert (bare.type, bare.code, bare.retry_after) == ("", "", None)
    assert GroqInputError("What.", line=3).line == 3
    assert GroqInputError("What.").line is None
    assert GroqTransportError("What.").sent
    assert not GroqTransportError("What.", sent=False).sent
    assert make(GroqBatchError).batch_id == "batch_1"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 409, 410, 413, 422, 429, 498, 500, 502, 503, 504, 529])
def test_the_statuses_that_pass(status):
    kind = API_ERRORS.get(status, GroqAPIError)
    assert make(kind, status).retryable is (status in {408, 409, 429} or status >= 500)


def test_four_statuses_have_errors_of_their_own():
    expected = [GroqAuthenticationError, GroqPermissionError, GroqNotFoundError, GroqRateLimitError]
    assert dict(API_ERRORS) == dict(zip([401, 403, 404, 429], expected, strict=True))


@pytest.mark.parametrize(
    ("kind", "retryable"),
    [
        (GroqConnectionError, False),
        (GroqInputError, False),
        (exceptions.GroqStorageError, True),
        (GroqTransportError, True),
        (GroqLostAnswerError, False),
        (GroqResponseError, True),
        (GroqBatchError, False),
        (exceptions.GroqBatchFailedError, False),
        (exceptions.GroqBatchExpiredError, False),
        (exceptions.GroqBatchCancelledError, False),
        (exceptions.GroqBatchRequestsError, False),
        (exceptions.GroqBatchTimeoutError, False),
        (exceptions.GroqBatchUnknownError, False),
        (exceptions.GroqBatchNotEndedError, True),
    ],
)
def test_whether_another_try_can_end_differently(kind, retryable):
    assert make(kind).retryable is retryable


@pytest.mark.parametrize("kind", ERRORS)
def test_an_error_survives_the_way_to_another_process(kind):
    error = make(kind)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert type(copy) is kind
    assert (str(copy), vars(copy)) == (str(error), vars(error))
