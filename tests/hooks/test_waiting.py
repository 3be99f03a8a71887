"""Waiting in the worker: `wait_for_batch`, with the emulator's clock moved instead of waiting."""

import time
from datetime import timedelta

import pytest

from airflow_provider_groq.exceptions import GroqConnectionError, GroqInputError


class Clock:
    """Sleeps by moving the emulator's clock, and this process's time with it."""

    def __init__(self, emulator, monkeypatch):
        self._emulator = emulator
        self._ahead = 0.0
        self.slept = []
        real = time.time
        self.now = lambda: real() + self._ahead
        for module in ("airflow_provider_groq.batches.polling", "airflow_provider_groq.hooks.groq"):
            monkeypatch.setattr(f"{module}.time.time", self.now)

    def sleep(self, seconds):
        self.slept.append(seconds)
        self._ahead += seconds
        self._emulator.advance(seconds)


@pytest.fixture
def clock(groq_emulator, monkeypatch):
    return Clock(groq_emulator, monkeypatch)


@pytest.fixture
def wait(hook, clock):
    def wait(batch_id, patience=3600.0, **more):
        return hook.wait_for_batch(batch_id, end_time=clock.now() + patience, sleep=clock.sleep, **more)

    return wait


@pytest.mark.parametrize("outcome", ["completed", "failed", "expired", "cancelled"])
def test_a_wait_ends_when_the_batch_does(groq_emulator, wait, clock, new_batch, outcome):
    groq_emulator.set(outcome=outcome, seconds=600)
    end = wait(new_batch())
    assert (end.reason, end.batch.status) == ("terminal", outcome)
    assert 3 < len(clock.slept) < 40
    assert max(clock.slept) <= 60


def test_a_batch_that_has_ended_takes_one_look(groq_emulator, wait, clock, new_batch):
    batch_id = new_batch()
    groq_emulator.advance(60)
    assert wait(batch_id).batch.status == "completed"
    assert clock.slept == []


def test_the_interval_bounds_the_pauses(groq_emulator, wait, clock, new_batch):
    groq_emulator.set(seconds=600)
    wait(new_batch(), poll_interval=10)
    assert 9 <= max(clock.slept) <= 10


def test_a_wait_ends_at_its_deadline(groq_emulator, wait, clock, new_batch):
    groq_emulator.set(seconds=7200)
    batch_id = new_batch()
    end = wait(batch_id, patience=100)
    assert end.reason == "timeout"
    assert sum(clock.slept) == pytest.approx(100, abs=5)
    assert end.message.startswith(f"Batch {batch_id} had not ended at the deadline, ")
    assert end.message.endswith("its last known status was in_progress.")


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 429, "headers": {"Retry-After": "5"}},
        {"drop": "before"},
        {"drop": "after"},
        {"status": 404},
        {"body": "<html>", "content_type": "text/html"},
        {"merge": {"status": "paused"}},
    ],
    ids=str,
)
def test_what_passes_is_ridden_out(groq_emulator, wait, clock, new_batch, fault):
    batch_id = new_batch()
    groq_emulator.fault("/batches/*", times=3, **fault)
    assert wait(batch_id).batch.status == "completed"
    assert sum(request.fault is not None for request in groq_emulator.requests("GET", "/batches/")) == 3


@pytest.mark.parametrize(
    ("status", "told"), [(401, "Check the API key"), (403, "Check that the plan of"), (400, "returned")]
)
def test_what_will_not_pass_ends_the_wait_at_once(groq_emulator, wait, clock, new_batch, status, told):
    batch_id = new_batch()
    groq_emulator.fault("/batches/*", status=status, times=None)
    end = wait(batch_id)
    assert end.reason == "unknown"
    assert told in end.message
    assert clock.slept == []


def test_a_batch_that_stays_unknown_is_given_up_after_half_a_minute(wait, clock):
    end = wait("batch_nope")
    assert end.reason == "unknown"
    assert "No batch found with id 'batch_nope'" in end.message
    assert 29 < sum(clock.slept) < 60


def test_each_look_is_one_request(groq_emulator, wait, clock, new_batch):
    """The pauses between looks are the poller's, not those of the client's retries."""
    batch_id = new_batch()
    groq_emulator.fault("/batches/*", status=503, times=4)
    wait(batch_id)
    assert len(groq_emulator.requests("GET", "/batches/")) == len(clock.slept) + 1


def test_what_the_sleep_raises_ends_the_wait(hook, groq_emulator, new_batch):
    class KilledError(Exception):
        pass

    def killed(_):
        raise KilledError

    with pytest.raises(KilledError):
        hook.wait_for_batch(new_batch(), end_time=time.time() + 60, sleep=killed)


def test_a_wait_on_an_unusable_connection_does_not_begin(hook, connect):
    connect(password="")
    with pytest.raises(GroqConnectionError):
        hook.wait_for_batch("batch_1", end_time=time.time() + 60)


def test_progress_is_logged_when_there_is_some(groq_emulator, wait, new_batch, mocker, hook):
    log = mocker.patch.object(hook.log, "log")
    batch_id = new_batch()
    groq_emulator.set(seconds=20)
    wait(batch_id)
    told = [call.args[1] for call in log.call_args_list]
    assert len(told) == len(set(told)) >= 3
    assert told[0] == f"Batch {batch_id}: validating."
    assert told[-1] == f"Batch {batch_id}: completed, 1 of 1 requests done (100%), 0 failed."


def test_times_may_be_timedeltas(groq_emulator, hook, clock, new_batch):
    """As Airflow's own operators take them."""
    groq_emulator.set(seconds=36_000)
    end = hook.wait_for_batch(
        new_batch(), end_time=timedelta(hours=1), poll_interval=timedelta(minutes=5), sleep=clock.sleep
    )
    assert end.reason == "timeout"
    assert sum(clock.slept) == pytest.approx(3600, abs=30)
    assert max(clock.slept) == 300


@pytest.mark.parametrize("name", ["end_time", "poll_interval"])
@pytest.mark.parametrize("value", ["60", None, True, -timedelta(1), timedelta.max, float("nan"), 1e300])
def test_what_is_no_time_is_refused_before_anything_is_sent(groq_emulator, hook, name, value):
    times = {"end_time": time.time() + 60, name: value}
    with pytest.raises(GroqInputError, match=f"^{name} must be a number of seconds or a timedelta"):
        hook.wait_for_batch("batch_1", **times)
    assert not groq_emulator.requests()


@pytest.mark.parametrize(
    ("batch_ids", "message"),
    [
        ("batch_x", "batch_ids must be a list of ids, but is 'batch_x'"),
        (b"batch_x", "batch_ids must be a list of ids, but is b'batch_x'"),
        (None, "batch_ids must be a list of ids, but is None"),
        (7, "batch_ids must be a list of ids, but is 7"),
        ([7], "batch_id must be an id from Groq, but is 7"),
        (["batch_x", None], "batch_id must be an id from Groq, but is None"),
        ([["batch_x"]], r"batch_id must be an id from Groq, but is \['batch_x'\]"),
        ([""], "batch_id must be an id from Groq, but is ''"),
    ],
)
def test_what_is_no_list_of_ids_is_refused_before_anything_is_sent(groq_emulator, hook, batch_ids, message):
    times = {"end_time": time.time() + 60}
    with pytest.raises(GroqInputError, match=f"^{message}"):
        hook.wait_for_batches(batch_ids, **times)
    with pytest.raises(GroqInputError, match=f"^{message}"):
        hook.get_batches(batch_ids)
    assert not groq_emulator.requests()


def test_one_id_of_the_wrong_kind_is_refused_too(groq_emulator, hook):
    with pytest.raises(GroqInputError, match="^batch_id must be an id from Groq, but is None"):
        hook.wait_for_batch(None, end_time=time.time() + 60)
    assert not groq_emulator.requests()


@pytest.fixture
def wait_for_all(hook, clock):
    def wait(batch_ids, patience=3600.0, **more):
        return hook.wait_for_batches(batch_ids, end_time=clock.now() + patience, sleep=clock.sleep, **more)

    return wait


def looks(groq_emulator):
    return groq_emulator.requests("GET", "/batches")


def test_many_are_asked_for_in_one_request_a_poll(groq_emulator, wait_for_all, clock, new_batch):
    ids = [new_batch() for _ in range(5)]
    ends = wait_for_all(reversed(ids))
    assert [(end.batch_id, end.reason, end.batch.status) for end in ends] == [
        (batch_id, "terminal", "completed") for batch_id in reversed(ids)
    ]
    assert len(looks(groq_emulator)) == len(clock.slept) + 1
    assert {request.query.count("id=") for request in looks(groq_emulator)[:-1]} == {5}


def test_a_batch_that_has_ended_is_not_asked_for_again(groq_emulator, wait_for_all, new_batch):
    quick = new_batch()
    groq_emulator.advance(100)
    slow = new_batch()
    ended = []
    ends = wait_for_all([quick, slow, quick], on_end=lambda end: ended.append(end.batch_id))
    assert ended == [quick, slow]
    assert [end.batch_id for end in ends] == [quick, slow, quick]
    assert [request.query.count("id=") for request in looks(groq_emulator)][:2] == [2, 0]


def test_no_batches_are_no_wait(groq_emulator, wait_for_all, clock):
    assert wait_for_all([]) == clock.slept == groq_emulator.requests() == []


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 400},
        {"status": 405},
        {"body": "<html>", "content_type": "text/html"},
        {"json": {"object": "list", "data": [], "has_more": False, "first_id": None, "last_id": None}},
    ],
    ids=str,
)
def test_a_server_that_does_not_answer_for_many_is_asked_for_each(groq_emulator, wait_for_all, new_batch, fault):
    ids = [new_batch() for _ in range(3)]
    groq_emulator.fault("/batches", method="GET", times=None, **fault)
    assert {end.batch.status for end in wait_for_all(ids)} == {"completed"}


def test_an_outage_delays_many_and_ends_none_of_their_waits(groq_emulator, wait_for_all, new_batch):
    ids = [new_batch() for _ in range(3)]
    groq_emulator.fault("/batches**", method="GET", times=4, status=503)
    assert {end.batch.status for end in wait_for_all(ids)} == {"completed"}


def test_many_end_at_their_deadline_together(groq_emulator, wait_for_all, clock, new_batch):
    groq_emulator.set(seconds=7200)
    ends = wait_for_all([new_batch(), new_batch()], patience=100)
    assert {end.reason for end in ends} == {"timeout"}
    assert sum(clock.slept) == pytest.approx(100, abs=5)


def test_of_many_one_line_tells_the_progress(groq_emulator, wait_for_all, new_batch):
    groq_emulator.set(seconds=3600)
    told = []
    wait_for_all([new_batch(), new_batch()], patience=7200, total_rows=2, say=lambda _, line: told.append(line))
    assert told[0] == "0 of 2 rows (0 %), 0 of 2 batches ended, 0 failed"
    assert told[-1].startswith("2 of 2 rows (100 %), 2 of 2 batches ended, 0 failed")
    assert len(told) < 10


def test_a_job_of_one_batch_is_told_like_one_of_many(wait_for_all, new_batch):
    told = []
    wait_for_all([new_batch()], total_rows=1, say=lambda _, line: told.append(line))
    assert told[-1].startswith("1 of 1 rows (100 %), 1 of 1 batches ended")
