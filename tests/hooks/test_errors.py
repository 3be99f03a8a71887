"""How errors of this package end a task."""

import pytest

from airflow_provider_groq.exceptions import (
    GroqAPIError,
    GroqBatchFailedError,
    GroqBatchNotEndedError,
    GroqInputError,
    GroqLostAnswerError,
    GroqResponseError,
    GroqTransportError,
)


@pytest.mark.parametrize(
    "error",
    [
        GroqInputError("Bad line.", line=5),
        GroqLostAnswerError("Lost."),
        GroqAPIError("No.", status_code=400),
        GroqBatchFailedError("Rejected.", batch_id="batch_1"),
    ],
)
def test_what_no_retry_can_mend_fails_for_good(error):
    from airflow_provider_groq.compat import AirflowFailException
    from airflow_provider_groq.hooks.errors import fail_for_good

    with pytest.raises(AirflowFailException) as caught, fail_for_good():
        raise error
    assert str(caught.value) == f"{type(error).__name__}: {error}"
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    "error",
    [
        GroqTransportError("Reset."),
        GroqResponseError("A page."),
        GroqAPIError("Busy.", status_code=503),
        GroqBatchNotEndedError("Under way.", batch_id="batch_1"),
        ValueError("a bug"),
        KeyboardInterrupt(),
    ],
)
def test_all_else_passes_through(error):
    from airflow_provider_groq.hooks.errors import fail_for_good

    with pytest.raises(type(error)) as caught, fail_for_good():
        raise error
    assert caught.value is error


def test_no_error_is_none():
    from airflow_provider_groq.hooks.errors import fail_for_good

    with fail_for_good():
        done = True
    assert done
