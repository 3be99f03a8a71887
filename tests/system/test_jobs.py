"""What the next try of a whole job does, on the whole of Airflow: each request is paid once."""

import signal

import pytest
from system.job_runs import ROWS
from system.rest import await_that
from system.test_pay_once import process_of

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]


@pytest.fixture
def start(start_job):
    def start(way, batches=3):
        job = start_job(way)
        job.await_batches(batches)
        return job

    return start


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "evicted"])
def test_a_retry_goes_on_with_the_batches_that_were_sent(airflow, start, number):
    job = start("worker")
    job.await_waiting(1)
    job.write(reversed(ROWS))
    process_of(airflow, job.run).send_signal(number)
    job.await_waiting(2)
    assert job.finish()["rows"]["succeeded"] == 8
    assert [answer["custom_id"] for answer in job.answers()] == ROWS
    assert job.statuses() == 3 * ["completed"]


def test_a_clear_of_a_deferred_job_goes_on_and_one_of_a_success_pays_only_for_new_rows(airflow, start):
    job = start("deferred")
    airflow.await_state(job.run, "create", "deferred")
    airflow.clear(job.run, "create")
    job.await_waiting(2)
    assert job.finish()["rows"]["succeeded"] == 8
    assert job.statuses() == 3 * ["completed"]

    job.write([*ROWS, "new"])
    airflow.clear(job.run, "create")
    job.await_batches(4)
    manifest = job.finish()
    assert (manifest["rows"]["succeeded"], manifest["reused"]) == (9, 8)
    assert [answer["custom_id"] for answer in job.answers()] == [*ROWS, "new"]
    assert job.paid() == 9


def test_a_clear_with_other_rows_cancels_what_runs(airflow, emulator, start):
    job = start("deferred")
    airflow.await_state(job.run, "create", "deferred")
    job.write(["other-1", "other-2"])
    airflow.clear(job.run, "create")
    await_that(lambda: job.statuses()[:3] == 3 * ["cancelling"] or "cancelled" in job.statuses(), "they are cancelled")
    emulator.advance(600)
    job.await_batches(4)
    assert job.finish()["rows"]["total"] == 2
    assert job.statuses() == [*3 * ["cancelled"], "completed"]


def test_a_mark_cancels_all_batches_of_a_deferred_job(airflow, emulator, start):
    job = start("deferred")
    airflow.await_state(job.run, "create", "deferred")
    await_that(lambda: "starting" in airflow.log(job.run, "create"), "the trigger has begun")
    airflow.mark(job.run, "create", "failed")
    await_that(lambda: set(job.statuses()) <= {"cancelling", "cancelled"}, "all are cancelled")
    airflow.await_end(job.run, "failed")
    assert len(job.batches()) == 3


def test_a_canary_that_fails_ends_the_job_for_good_and_a_clear_pays_only_for_the_others(airflow, emulator, start):
    """Both waits are deferred, and the failure uses none of the three retries."""
    emulator.set(failing_requests={"row-0": 422})
    job = start("canary", batches=1)
    airflow.await_state(job.run, "create", "deferred")
    emulator.advance(600)
    airflow.await_end(job.run, "failed")
    assert airflow.task(job.run, "create")["try_number"] == 1
    assert "The canary failed: no good answer for 1 of 2 rows: 1 with 422" in airflow.log(job.run, "create")
    assert [answer["status"] for answer in job.answers()] == ["failed", "succeeded", *6 * ["not_sent"]]
    assert (len(job.batches()), job.paid()) == (1, 1)

    emulator.set(failing_requests={})
    airflow.clear(job.run, "create")
    job.await_batches(2)
    airflow.await_state(job.run, "create", "deferred")
    emulator.advance(600)
    job.await_batches(5)
    assert airflow.xcom(job.run, "create", "projection")["rows_to_send"] == 6
    manifest = job.finish()
    assert (manifest["rows"]["succeeded"], manifest["reused"], job.paid()) == (8, 1, 8)
    assert 0 < manifest["cost"] < 1
    assert "Tokens and cost:" in airflow.log(job.run, "create", 2)
