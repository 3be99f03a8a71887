"""What a clear or a late try of a whole job does, on the whole of Airflow: the table in the documentation.

What tests/system/test_jobs.py shows of it is not shown again.
"""

import shutil

import pytest
from system.job_runs import ROWS
from system.test_pay_once import process_of

pytestmark = pytest.mark.system


def test_a_clear_of_what_has_ended(airflow, emulator, start_job):
    """Of a success: nothing is paid; of a failure: what failed; without reattachment: all.

    A run that was deleted and made again is like a clear.
    """
    emulator.set(failing_requests={"bad": 422})
    success, fresh = start_job("worker"), start_job("fresh")
    failure, again = start_job("worker", "failure", rows=["bad", *ROWS[1:]]), start_job("worker", "again")
    jobs = (success, fresh, failure, again)
    for job in jobs:
        job.await_batches(3)
    emulator.advance(600)
    for job in (success, fresh, again):
        assert job.manifest()["rows"]["succeeded"] == 8
    assert "1 of 8 rows failed" in failure.await_failure_for_good()
    before = success.answers()

    emulator.set(failing_requests={})
    for job in (success, fresh, failure):
        job.clear()
    airflow.make_again(again.run, **again.conf())
    fresh.await_batches(6)
    failure.await_batches(4)
    emulator.advance(600)
    reused = {success: 8, fresh: 0, failure: 7, again: 8}
    for job in jobs:
        manifest = job.manifest()
        assert manifest["rows"]["succeeded"] == 8
        assert manifest["reused"] == reused[job]
    assert success.answers() == before
    assert [len(job.batches()) for job in jobs] == [3, 6, 4, 3]
    assert [job.paid() for job in jobs] == [8, 16, 8, 8]


def test_a_clear_while_it_runs(emulator, start_job):
    """Airflow may count it as a clear or as a retry, by how the process ends: with the same rows, both go on."""
    job = start_job("worker")
    job.await_waiting(1)
    job.clear()
    job.await_waiting(2)
    emulator.advance(600)
    assert job.manifest()["rows"]["succeeded"] == 8
    assert job.statuses() == 3 * ["completed"]
    assert job.paid() == 8


def test_a_retry_without_reattachment_one_after_the_deadline_and_one_elsewhere(airflow, emulator, start_job, tmp_path):
    """They resume; only cancel, wait and land; and send nothing without the work folder."""
    fresh, late, elsewhere = start_job("fresh"), start_job("deadline"), start_job("unhurried")
    jobs = (fresh, late, elsewhere)
    for job in jobs:
        job.await_waiting(1)
        process_of(airflow, job.run).kill()
    emulator.advance(300)
    work = elsewhere.work
    hidden = shutil.move(work, tmp_path / "hidden")
    elsewhere.await_log("Did another worker write it?", 2)
    assert len(elsewhere.batches()) == 3
    shutil.move(hidden, work)

    rows = late.manifest()["rows"]
    assert rows["succeeded"] > 0
    assert rows["succeeded"] + rows["cancelled"] == 8
    assert late.paid() == rows["succeeded"]
    fresh.await_waiting(2)
    emulator.advance(600)
    for job in (fresh, elsewhere):
        assert job.manifest()["rows"]["succeeded"] == job.paid() == 8
    assert [len(job.batches()) for job in jobs] == [3, 3, 3]
