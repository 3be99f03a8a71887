"""What becomes of a job's batches when its time is over: its own deadline, and Airflow's ``execution_timeout``."""

import asyncio
import time
from contextlib import contextmanager
from datetime import timedelta
from threading import Timer

import pytest
from airflows import TaskDeferred
from operators.crashes import Crash, Crashes

from airflow_provider_groq.compat import AirflowFailException, AirflowTaskTimeout
from airflow_provider_groq.operators import waiting

GOES_ON = {"validating", "in_progress"}
CANCELLED = {"cancelling", "cancelled"}


def statuses(job):
    return {batch["status"] for batch in job.emulator.batches()}


def finish(job):
    """Let all batches end."""
    job.emulator.set(seconds=0)
    job.emulator.advance(1000)


def resumed(job, **options):
    """Run the next try as Airflow does, deferral and all."""
    with pytest.raises(TaskDeferred) as raised:
        job.run(deferrable=True, **options)
    deferred = raised.value

    async def event():
        return (await anext(deferred.trigger.run())).payload

    method = getattr(job.operator(deferrable=True, **options), deferred.method_name)
    return method(job.context(), asyncio.run(event()), **(deferred.kwargs or {}))


@pytest.fixture
def slow_job(job):
    job.emulator.set(seconds=1000, cancelling_seconds=0)
    return job


@pytest.mark.parametrize("deferrable", [False, True], ids=["in the worker", "deferred"])
def test_without_cancellation_the_error_says_what_goes_on_and_a_clear_lands_it(slow_job, deferrable):
    job = slow_job
    options = {"timeout": 1.5, "cancel_on_timeout": False, "delete_files": False}
    run = resumed if deferrable else type(job).run
    with pytest.raises(
        AirflowFailException, match=r"deadline passed, and 3 batches had not ended, .* They keep running at Groq"
    ):
        run(job, **options)
    assert statuses(job) <= GOES_ON
    assert job.emulator.requests("POST", "/batches/") == []
    assert not (job.output / "manifest.json").exists()
    finish(job)
    job.clear()
    assert job.run(**options)["rows"]["succeeded"] == 8
    assert len(job.sent()) == 3


def test_a_clear_after_the_deadline_waits_for_what_goes_on(slow_job):
    """The clear gives the job its whole time anew."""
    job = slow_job
    options = {"cancel_on_timeout": False, "delete_files": False}
    with pytest.raises(AirflowFailException, match="deadline passed"):
        job.run(timeout=1.5, **options)
    job.clear()
    with pytest.raises(TaskDeferred) as deferred:
        job.run(timeout=60, deferrable=True, **options)
    assert deferred.value.trigger.end_time > time.time() + 50
    assert statuses(job) <= GOES_ON


@pytest.mark.parametrize("cancel_on_timeout", [True, False])
def test_execution_timeout_of_the_last_try_cancels_if_timeouts_do(slow_job, cancel_on_timeout):
    job = slow_job
    job._number = job._max_tries
    said = "Cancelled: 3 batches" if cancel_on_timeout else "Still running at Groq: 3 batches"
    with pytest.raises(AirflowTaskTimeout, match=f"execution_timeout passed. {said}"):
        resumed(job, execution_timeout=timedelta(seconds=1), cancel_on_timeout=cancel_on_timeout)
    assert statuses(job) <= (CANCELLED if cancel_on_timeout else GOES_ON)


def test_execution_timeout_leaves_the_batches_to_the_next_try(slow_job):
    job = slow_job
    with pytest.raises(AirflowTaskTimeout, match="execution_timeout passed. Still running at Groq: 3 batches"):
        resumed(job, execution_timeout=timedelta(seconds=1), delete_files=False)
    assert statuses(job) <= GOES_ON
    finish(job)
    assert job.run(delete_files=False)["rows"]["succeeded"] == 8
    assert len(job.sent()) == 3
    assert statuses(job) == {"completed"}


def test_batches_that_end_before_execution_timeout_are_landed(slow_job):
    job = slow_job
    job.emulator.set(seconds=2)
    assert resumed(job, execution_timeout=timedelta(seconds=60))["rows"]["succeeded"] == 8


def test_what_a_try_gave_up_and_died_before_it_was_cancelled_is_cancelled_by_the_next(slow_job, monkeypatch):
    job = slow_job
    options = {"timeout": 1.5, "delete_files": False}
    with Crashes(monkeypatch, job.output).at("cancel", 1), pytest.raises(Crash):
        job.run(**options)
    assert statuses(job) & GOES_ON
    with pytest.raises(AirflowFailException, match="8 of 8 rows failed: 8 with cancelled"):
        job.run(**options)
    assert statuses(job) == {"cancelled"}
    assert len(job.sent()) == 3


def test_a_clear_long_after_gives_it_time_to_be_cancelled(slow_job, clock, monkeypatch):
    job = slow_job
    options = {"timeout": 1.5, "delete_files": False}
    with Crashes(monkeypatch, job.output).at("cancel", 1), pytest.raises(Crash):
        job.run(**options)
    job.clear()
    job.emulator.set(cancelling_seconds=3)
    rows = [{"custom_id": "new", "text": "new thing"}]
    Timer(1, lambda: job.emulator.set(seconds=0)).start()
    with clock(1):
        assert job.run(rows=rows, **options | {"timeout": 60})["rows"]["succeeded"] == 1
    assert statuses(job) == {"cancelled", "completed"}


@pytest.mark.parametrize("deferrable", [False, True], ids=["in the worker", "deferred"])
def test_a_batch_that_groq_refuses_to_cancel_for_now_is_cancelled_later(
    slow_job, quick_retries, monkeypatch, deferrable
):
    job = slow_job
    monkeypatch.setattr(waiting, "WATCH_SECONDS", 0.3)
    job.emulator.fault("/batches/*/cancel", method="POST", status=503, times=30)
    with pytest.raises(AirflowFailException, match="8 of 8 rows failed: 8 with cancelled"):
        (resumed if deferrable else type(job).run)(job, timeout=1.5, delete_files=False)
    assert statuses(job) == {"cancelled"}


def test_a_batch_that_failed_after_some_answers_is_not_made_again_and_only_the_other_rows_are_resent(slow_job):
    job = slow_job

    def fail():
        (batch,) = job.emulator.batches()
        errors = [{"code": "server_error", "message": "Something broke.", "line": None, "param": None}]
        job.emulator.set(seconds=0)
        job.emulator.force_status(batch["id"], "failed", processed=2, errors=errors)

    Timer(2, fail).start()
    manifest = job.run(shard_size=8, delete_files=False)
    assert manifest["rows"]["succeeded"] == 8
    assert [(sent["rows"], sent["succeeded"]) for sent in manifest["rounds"]] == [(8, 2), (6, 6)]
    assert sum(batch["request_counts"]["completed"] for batch in job.emulator.batches()) == 8


@pytest.fixture
def clock(monkeypatch):
    """Runs a try on a worker whose clock is ahead of this machine's, and of Groq's."""
    plain = time.time

    @contextmanager
    def ahead(hours):
        with monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda: plain() + 3600 * hours)
            yield

    return ahead


@pytest.mark.parametrize("hours", [-4, 4])
def test_a_batch_that_a_worker_with_another_clock_made_and_never_saw_is_not_paid_twice(job, clock, monkeypatch, hours):
    job.emulator.set(seconds=2, cancelling_seconds=0)
    options = {"shard_size": 8, "delete_files": False}
    with clock(hours), Crashes(monkeypatch, job.output).at("after", 3), pytest.raises(Crash):
        job.run(**options)
    assert len(job.emulator.batches()) == 1
    assert job.run(**options)["rows"]["succeeded"] == 8
    assert sum(batch["request_counts"]["completed"] for batch in job.emulator.batches()) == 8
    assert statuses(job) <= {"completed", "cancelled"}


@pytest.mark.parametrize(("hours", "seconds"), [(1, 60), (-1, 1)], ids=["ahead", "behind"])
def test_a_retry_obeys_the_sealed_deadline_by_its_own_clock(slow_job, clock, hours, seconds):
    """One that is ahead comes too late: it lands what there is. One that is behind has more time, and pays no more."""
    job = slow_job
    options = {"timeout": seconds, "canary": 2, "delete_files": False}
    with pytest.raises(TaskDeferred):
        job.run(deferrable=True, **options)
    finish(job)
    time.sleep(0 if hours > 0 else seconds)
    with clock(hours):
        if hours > 0:
            with pytest.raises(AirflowFailException, match="6 of 8 rows failed: 6 with not_sent"):
                job.run(**options)
        else:
            assert job.run(**options)["rows"]["succeeded"] == 8
    assert sorted(sum(job.sent(), [])) == [f"row-{number}" for number in range(2 if hours > 0 else 8)]  # noqa: RUF017 - of few
