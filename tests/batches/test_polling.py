"""The poller: what follows from each look, on a clock that only the test moves."""

import logging
from itertools import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_groq.api.models import BatchStatus
from airflow_provider_groq.batches.polling import Poller
from airflow_provider_groq.exceptions import (
    API_ERRORS,
    GroqAPIError,
    GroqConnectionError,
    GroqInputError,
    GroqResponseError,
    GroqTransportError,
)

START = 1_700_000_000.0
HOUR = 3600.0
TERMINAL = ["completed", "failed", "expired", "cancelled"]


def api_error(status, retry_after=None):
    return API_ERRORS.get(status, GroqAPIError)(f"Error {status}.", status_code=status, retry_after=retry_after)


def poller(end_time=START + HOUR, poll_interval=60.0, **more):
    return Poller("batch_1", poll_interval=poll_interval, end_time=end_time, now=START, **more)


def step_of(poller, seen, now):
    return poller.on_error(seen, now) if isinstance(seen, Exception) else poller.on_batch(seen, now)


def watch(poller, seen, *, most=10_000):
    """Look at one batch or error after the other; return the times of the looks and what followed."""
    now, looks = START, []
    for thing in seen:
        step = step_of(poller, thing, now)
        looks.append((now, step))
        if step.end or len(looks) == most:
            break
        now += step.pause
    return looks


def lines(looks):
    return [step.news for _, step in looks if step.news]


@pytest.mark.parametrize("status", TERMINAL)
def test_a_batch_that_has_ended_ends_the_wait(make, status):
    batch = make(status, (3, 2, 1))
    ((_, step),) = watch(poller(), [batch])
    assert (step.end.reason, step.end.batch_id, step.end.batch, step.end.message) == ("terminal", "batch_1", batch, "")
    assert step.news == f"Batch batch_1: {status}, 3 of 3 requests done (100%), 1 failed."


@pytest.mark.parametrize("status", TERMINAL)
def test_an_end_seen_after_the_deadline_is_still_an_end(make, status):
    assert poller().on_batch(make(status), START + 2 * HOUR).end.reason == "terminal"


@pytest.mark.parametrize("status", sorted(set(BatchStatus) - set(TERMINAL)))
def test_a_batch_under_way_is_waited_for(make, status):
    step = poller().on_batch(make(status), START)
    assert step.end is None
    assert step.pause > 0


@pytest.mark.parametrize(("waited", "pause"), [(0, 2), (4, 2), (10, 5), (60, 30), (120, 60), (3000, 60), (-5000, 2)])
def test_pauses_grow_with_the_time_waited_up_to_the_interval(make, waited, pause):
    """So that a look comes late by half of the wait at most; a clock put back does no harm."""
    assert poller(START + 10 * HOUR).on_batch(make(), START + waited).pause == pause


def test_a_short_interval_holds_from_the_start(make):
    assert poller(poll_interval=1.0).on_batch(make(), START).pause == 1.0


def test_an_hour_takes_few_looks_and_ends_at_the_deadline(make):
    looks = watch(poller(), repeat(make()))
    assert 60 < len(looks) < 75
    now, last = looks[-1]
    assert now == pytest.approx(START + HOUR)
    assert last.end.reason == "timeout"


STATUSES = st.sampled_from([*sorted(set(BatchStatus) - set(TERMINAL)), "paused", 404, 429, 500, "reset"])


@given(st.lists(STATUSES, min_size=1), st.floats(0, 1e6), st.floats(0.1, 1e5), st.floats(0, 1e9))
def test_no_pause_goes_past_the_deadline_or_back(make, seen, patience, interval, retry_after):
    poller_ = poller(START + patience, interval)
    now = START
    for thing in seen:
        if thing == "reset":
            look = GroqTransportError("reset")
        else:
            look = api_error(thing, retry_after) if isinstance(thing, int) else make(thing)
        step = step_of(poller_, look, now)
        assert 0 <= step.pause <= max(0.0, START + patience - now)
        if step.end:
            return
        now += step.pause


@pytest.mark.parametrize("last", ["batch", "error", None])
def test_a_timeout_says_what_was_last_seen(make, last):
    poller_ = poller(START + 100)
    if last:
        poller_.on_batch(make("finalizing", (10, 4, 1)), START)
    if last == "error":
        poller_.on_error(GroqTransportError("Reset."), START + 1)
    step = step_of(poller_, GroqTransportError("Refused.") if last != "batch" else make("finalizing"), START + 100)
    end = step.end
    assert (end.reason, end.batch_id) == ("timeout", "batch_1")
    assert end.message.startswith("Batch batch_1 had not ended at the deadline, 2023-11-14 22:15:00 UTC: ")
    said = {
        "batch": "its last known status was finalizing.",
        "error": "its last known status was finalizing. The last polls (2) failed: Refused.",
        None: "no poll succeeded. The last polls (1) failed: Refused.",
    }
    assert end.message.endswith(said[last])
    assert poller_.timeout() == end


def test_a_batch_is_not_found_for_half_a_minute_before_it_is_given_up():
    looks = watch(poller(), repeat(api_error(404)))
    times = [now - START for now, _ in looks]
    assert all(step.end is None for _, step in looks[:-1])
    assert times[-2] < 30 <= times[-1]
    end = looks[-1][1].end
    assert (end.reason, end.message) == ("unknown", "Error 404.")
    assert looks[-1][1].news == "Batch batch_1 can no longer be polled: Error 404."
    assert looks[-1][1].level == logging.ERROR


def test_the_grace_counts_from_when_the_batch_was_first_not_found(make):
    poller_ = poller()
    assert poller_.on_batch(make(), START).end is None
    assert poller_.on_error(api_error(404), START + 1000).end is None
    assert poller_.on_error(api_error(404), START + 1029).end is None
    assert poller_.on_batch(make(), START + 1030).end is None
    assert poller_.on_error(api_error(404), START + 1031).end is None
    assert poller_.on_error(api_error(404), START + 1060).end is None
    assert poller_.on_error(api_error(404), START + 1061).end.reason == "unknown"


def test_where_each_poll_has_a_process_of_its_own_the_grace_began_with_the_first():
    assert poller(rescheduled=True).on_error(api_error(404), START + 29).end is None
    assert poller(rescheduled=True).on_error(api_error(404), START + 30).end.reason == "unknown"


PENDING = [
    ("completed", (3, 3, 0), {"output_file_id": None}),
    ("completed", (3, 2, 1), {"error_file_id": ""}),
    ("completed", (3, 2, 1), {"output_file_id": ""}),
    ("completed", None, {"output_file_id": None}),
    ("completed", (3, 0, 0), {"output_file_id": None}),
    ("expired", (3, 2, 0), {"output_file_id": None}),
    ("cancelled", (3, 2, 0), {"output_file_id": None}),
]


@pytest.mark.parametrize(("status", "counts", "files"), PENDING)
def test_a_batch_that_promises_more_than_its_files_is_polled_on_for_a_minute(make, status, counts, files):
    looks = watch(poller(), repeat(make(status, counts, **files)))
    times = [now - START for now, _ in looks]
    assert all(step.end is None for _, step in looks[:-1])
    assert times[1] == 2
    assert times[-2] < 60 <= times[-1]
    assert looks[-1][1].end.reason == "terminal"
    assert lines(looks)[0].endswith("Its result files are not available yet; polling for up to 60 s.")
    assert len(lines(looks)) == 2


@pytest.mark.parametrize(("status", "counts", "files"), PENDING)
def test_the_wait_ends_as_soon_as_the_files_are_there(make, status, counts, files):
    whole = make(status, counts or (3, 3, 0))
    looks = watch(poller(), [make("in_progress"), make(status, counts, **files), whole])
    assert looks[-1][1].end.batch == whole


def test_a_deadline_before_the_files_is_a_timeout(make):
    looks = watch(poller(START + 10), repeat(make("completed", (3, 3, 0), output_file_id=None)))
    assert looks[-1][1].end.reason == "timeout"
    assert "its last known status was completed" in looks[-1][1].end.message


@pytest.mark.parametrize("ended", [{"completed_at": int(START) + 100}, {}])
def test_in_a_process_of_its_own_each_poll_counts_from_the_end_of_the_batch(make, ended):
    batch = make("completed", (3, 3, 0), output_file_id=None, **ended)
    assert poller(rescheduled=True).on_batch(batch, START + 159).end is None
    late = poller(rescheduled=True).on_batch(batch, START + 160).end
    assert late is None if not ended else late.reason == "terminal"


def test_another_error_between_begins_the_grace_anew():
    poller_ = poller()
    assert poller_.on_error(api_error(404), START).end is None
    assert poller_.on_error(api_error(500), START + 20).end is None
    assert poller_.on_error(api_error(404), START + 40).end is None
    assert poller_.on_error(api_error(404), START + 70).end.reason == "unknown"


@pytest.mark.parametrize(
    "error",
    [*(api_error(status) for status in (400, 401, 403, 410, 422)), GroqConnectionError("No."), GroqInputError("No.")],
    ids=lambda error: getattr(error, "status_code", type(error).__name__),
)
def test_what_will_not_pass_ends_the_wait_at_once(make, error):
    poller_ = poller()
    poller_.on_batch(make("validating"), START)
    step = poller_.on_error(error, START + 2)
    assert (step.end.reason, step.end.message) == ("unknown", str(error))
    assert (step.news, step.level) == (f"Batch batch_1 can no longer be polled: {error}", logging.ERROR)


PASSING = [
    *(api_error(status) for status in (408, 409, 429, 500, 502, 503, 504, 529)),
    GroqTransportError("Reset."),
    GroqResponseError("A page."),
]


@pytest.mark.parametrize("error", PASSING, ids=lambda error: getattr(error, "status_code", type(error).__name__))
def test_what_passes_is_ridden_out_until_the_deadline(make, error):
    looks = watch(poller(), repeat(error))
    assert looks[-1][1].end.reason == "timeout"
    assert looks[-1][0] == pytest.approx(START + HOUR)
    assert watch(poller(), [error, error, make("completed")])[-1][1].end.reason == "terminal"


def test_looks_that_fail_come_less_and_less_often_with_jitter():
    pauses = []
    for _ in range(50):
        looks = watch(poller(START + 10 * HOUR), repeat(GroqTransportError("Reset.")), most=9)
        pauses.append([step.pause for _, step in looks])
    for due, taken in zip([1, 2, 4, 8, 16, 32, 60, 60, 60], zip(*pauses, strict=True), strict=True):
        assert all(due / 2 <= pause <= due for pause in taken)
        assert len(set(taken)) > 1


def test_a_failure_is_told_once_until_another_comes_or_a_look_succeeds(make):
    reset, refused = GroqTransportError("Reset."), GroqTransportError("Refused.")
    looks = watch(poller(), [reset, reset, refused, refused, reset, make(), reset])
    told = "Batch batch_1 could not be polled; retrying until the deadline: "
    assert [step.news.removeprefix(told) for _, step in looks] == [
        *("Reset.", "", "Refused.", "", "Reset."),
        "Batch batch_1: in_progress.",
        "Reset.",
    ]
    assert [step.level for _, step in looks if step.news.startswith(told)] == [logging.WARNING] * 4


def test_a_batch_that_is_not_found_is_said_to_be_retried_for_less_long():
    (_, step), *_ = watch(poller(), repeat(api_error(404)), most=2)
    assert step.news.startswith("Batch batch_1 could not be polled; retrying for up to 30 s: ")


def test_failures_in_a_row_are_counted(make):
    poller_ = poller()
    counted = []
    for thing in (make(), api_error(500), GroqTransportError("Reset."), make(), api_error(404)):
        step_of(poller_, thing, START)
        counted.append(poller_.errors)
    assert counted == [0, 1, 2, 0, 1]


def test_after_a_look_that_succeeded_failures_count_anew(make):
    reset = GroqTransportError("Reset.")
    looks = watch(poller(), [reset, reset, reset, make(), reset])
    assert looks[-1][1].pause <= 1.0


@pytest.mark.parametrize(("asked", "pause"), [(0.0, 0.0), (7.0, 7.0), (60.0, 60.0), (3600.0, 60.0), (float("inf"), 60)])
def test_retry_after_is_honoured_for_a_minute_at_most(asked, pause):
    step = poller(START + 10 * HOUR).on_error(api_error(429, asked), START)
    assert pause <= step.pause <= pause + 1.0


@pytest.fixture
def clock(mocker):
    return mocker.patch("airflow_provider_groq.batches.polling.time.time", return_value=START)


@pytest.mark.parametrize("seen", ["batch", "error"])
def test_a_look_asks_once_and_takes_either(make, clock, seen):
    batch, error = make("completed"), api_error(401)
    asked = []

    def get():
        asked.append(seen)
        if seen == "error":
            raise error
        return batch

    assert poller().poll(get).end.reason == ("terminal" if seen == "batch" else "unknown")
    assert len(asked) == 1


def test_a_bug_is_no_error_of_groq_and_passes_through(clock):
    def get():
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        poller().poll(get)


def test_the_time_of_a_look_is_that_of_its_answer(make, clock):
    def slow():
        clock.return_value = START + 2 * HOUR
        return make()

    assert poller().poll(slow).end.reason == "timeout"
