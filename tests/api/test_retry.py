"""Retries: when a call is sent again, and how long after."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_groq.api import calls, retry
from airflow_provider_groq.exceptions import (
    API_ERRORS,
    GroqAPIError,
    GroqConnectionError,
    GroqInputError,
    GroqLostAnswerError,
    GroqResponseError,
    GroqTransportError,
)

GET = calls.get_batch("batch_1")
CREATE = calls.create_batch("file_1", endpoint="/v1/chat/completions", completion_window="24h")


def api_error(status, retry_after=None):
    return API_ERRORS.get(status, GroqAPIError)("no", status_code=status, retry_after=retry_after)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("1.5", 1.5),
        (" 7 ", 7.0),
        ("-5", 0.0),
        ("9999999", 9999999.0),
        ("nan", None),
        ("", None),
        (None, None),
        ("soon", None),
        ("7 seconds", None),
        ("Wed, 99 Foo 2030 00:00:00 GMT", None),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("Mon, 01 Jan 2030 00:00:00 +99999999999999999999", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
    ],
)
def test_retry_after_is_a_number_of_seconds_or_nothing(header, seconds):
    assert retry.read_retry_after(header) == seconds


@pytest.mark.parametrize("zone", ["GMT", "-0000"])
def test_retry_after_may_be_a_date(zone):
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True).replace("GMT", zone)
    assert 27 < retry.read_retry_after(date) <= 30


PIECES = [
    "Mon,",
    "01",
    "Jan",
    "2030",
    "9" * 30,
    "00:00:00",
    "GMT",
    "-0000",
    "+" + "9" * 20,
    "-5",
    "nan",
    "e9",
    "\u0661",
]


@given(st.text() | st.lists(st.sampled_from(PIECES), max_size=7).map(" ".join))
def test_no_retry_after_is_too_odd_to_read(header):
    seconds = retry.read_retry_after(header)
    assert seconds is None or seconds >= 0


@pytest.mark.parametrize(
    ("asked", "waited"), [(0.0, 0.0), (7.0, 7.0), (60.0, 60.0), (61.0, 60.0), (float("inf"), 60.0)]
)
def test_the_server_is_obeyed_for_a_minute_at_most(asked, waited):
    assert retry.delay(api_error(429, asked), 1) == waited


@pytest.mark.parametrize(("attempt", "longest"), [(1, 0.5), (2, 1), (3, 2), (4, 4), (5, 8), (6, 8), (100_000, 8)])
def test_without_its_word_the_wait_doubles_up_to_8_seconds_with_jitter(attempt, longest):
    delays = {retry.delay(GroqTransportError("reset"), attempt) for _ in range(50)}
    assert all(longest / 2 <= seconds <= longest for seconds in delays)
    assert len(delays) > 1


PUT_OFF = api_error(503, 7.0)
UNSENT = GroqTransportError("refused", sent=False)
LOST = GroqTransportError("reset")


@pytest.mark.parametrize(
    ("error", "repeated", "created_again"),
    [
        (UNSENT, True, True),
        (LOST, True, False),
        (GroqResponseError("a page"), True, False),
        (GroqLostAnswerError("lost"), False, False),
        (GroqInputError("bad"), False, False),
        (GroqConnectionError("bad"), False, False),
        (ValueError("a bug"), False, False),
        *((api_error(status), False, False) for status in (400, 401, 403, 404, 410, 413, 422)),
        *((api_error(status), True, True) for status in (408, 409, 429)),
        (PUT_OFF, True, True),
        *((api_error(status), True, False) for status in (500, 502, 503, 504, 529)),
    ],
    ids=lambda value: getattr(value, "status_code", type(value).__name__),
)
def test_what_is_sent_again(error, repeated, created_again):
    """And only an error that leaves no doubt lets a batch be created a second time."""
    assert retry.may_repeat(GET, error) is repeated
    assert retry.may_repeat(CREATE, error) is created_again


@pytest.mark.parametrize(
    "error", [LOST, GroqResponseError("a page"), *(api_error(status) for status in (500, 502, 503, 504))]
)
def test_doubt_about_a_creation_is_said(error):
    lost = retry.lost_answer(CREATE, error)
    assert str(error) in str(lost)
    assert "POST /batches" in str(lost)
    assert "could cost twice" in str(lost)
    assert not lost.retryable
    assert retry.lost_answer(GET, error) is None


@pytest.mark.parametrize(
    "error", [UNSENT, PUT_OFF, *(api_error(status) for status in (400, 401, 403, 404, 408, 409, 429))]
)
def test_what_certainly_created_nothing_leaves_no_doubt(error):
    assert retry.lost_answer(CREATE, error) is None
