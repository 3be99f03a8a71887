"""Errors in the middle of a whole job, on the whole of Airflow: what was sent is resumed, and paid once."""

import pytest
from operators.test_full_disk import Disk

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

MANY = [f"row-{number}" for number in range(13)]
"""Five batches of them."""


@pytest.fixture
def fault(emulator):
    yield emulator.fault
    emulator.clear_faults()


def test_a_creation_that_is_refused_for_good_in_the_middle_of_a_wave(airflow, emulator, start_job, fault):
    """The error names the shard and what to do. A clear, when the cause is gone, makes only the others."""
    fault("/batches", method="POST", status=403, skip=2, times=None)
    job = start_job("worker", rows=MANY)
    log = job.await_failure_for_good()
    made = {batch["id"] for batch in job.batches()}
    assert len(made) == 2
    assert "(counted from 0) of 5" in log
    assert "Created so far in this round: 2 batches" in log
    assert "clear the task: it resumes them" in log

    emulator.clear_faults()
    job.clear()
    job.await_batches(5)
    assert job.finish()["rows"]["succeeded"] == job.paid() == 13
    assert made < {batch["id"] for batch in job.batches()}


def test_uploads_that_fail_for_a_while_in_the_middle_of_a_wave(airflow, emulator, start_job, fault):
    """The next try resumes what was made, and makes the others."""
    fault("/files", method="POST", status=500, skip=2, times=None)
    job = start_job("worker", rows=MANY)
    job.await_log("The next try resumes them")
    emulator.clear_faults()
    job.await_batches(5)
    assert job.finish()["rows"]["succeeded"] == job.paid() == 13
    assert job.statuses() == 5 * ["completed"]


def test_rows_that_raise_late_send_nothing_and_are_read_anew(airflow, emulator, start_job):
    before = len(emulator.requests("POST"))
    job = start_job("worker", rows=[*(f"row-{number}" for number in range(30_000)), "raises"])
    job.await_log("Raised while reading row 30,000 (counted from 0). Nothing was sent.")
    assert len(emulator.requests("POST")) == before
    job.write(MANY)
    job.await_batches(5)
    assert job.finish()["rows"]["succeeded"] == job.paid() == 13


def test_a_disk_that_fills_up_before_the_landing(airflow, emulator, start_job, tmp_path):
    """The answers are kept when there is space again, and nothing is sent again."""
    (tmp_path / "small").mkdir()
    disk = Disk(tmp_path / "small")
    disk.mount("256k")
    try:
        job = start_job("unhurried", "small")
        job.await_waiting(1)
        with disk.full():
            emulator.advance(600)
            job.await_log("No space left on device")
        assert job.manifest()["rows"]["succeeded"] == job.paid() == 8
        assert job.statuses() == 3 * ["completed"]
    finally:
        disk.unmount()
