"""Errors in the middle of a whole job, on the whole of Airflow: what was sent is resumed, and paid once."""

import pytest
from disks import Disk

pytestmark = pytest.mark.system

MANY = [f"row-{number}" for number in range(13)]
"""Five batches of them."""


@pytest.fixture
def fault(emulator):
    yield emulator.fault
    emulator.clear_faults()


@pytest.fixture
def disk(tmp_path):
    """A disk of its own, for a job that is named "small"."""
    (tmp_path / "small").mkdir()
    disk = Disk(tmp_path / "small")
    disk.mount("256k")
    yield disk
    disk.unmount()


def test_a_creation_that_is_refused_in_the_middle_and_rows_that_raise_late(emulator, start_job, fault):
    """The error names the shard and what to do; a clear makes only the others. Rows that raise are read anew."""
    fault("/batches", method="POST", status=403, skip=2, times=None)
    refused = start_job("worker", rows=MANY)
    raising = start_job("unhurried", "raising", rows=[*(f"row-{number}" for number in range(30_000)), "raises"])
    raising.await_log("Raised while reading row 30,000 (counted from 0). Nothing was sent.")
    log = refused.await_failure_for_good()
    assert "(counted from 0) of 5" in log
    assert "Created so far in this round: 2 batches" in log
    assert "clear the task: it resumes them" in log
    made = {batch["id"] for batch in refused.batches()}
    assert len(made) == 2
    assert raising.batches() == []

    emulator.clear_faults()
    raising.write(MANY)
    refused.clear()
    for job in (refused, raising):
        job.await_batches(5)
    emulator.advance(600)
    for job in (refused, raising):
        assert job.manifest()["rows"]["succeeded"] == job.paid() == 13
        assert job.statuses() == 5 * ["completed"]
    assert made < {batch["id"] for batch in refused.batches()}


def test_uploads_that_fail_for_a_while_in_the_middle_and_a_disk_that_is_full_at_the_landing(
    emulator, start_job, fault, disk
):
    """The next tries resume what was made, make what was not, and keep the answers when there is space again."""
    small = start_job("unhurried", "small")
    small.await_waiting(1)
    fault("/files", method="POST", status=503, skip=2, times=None, headers={"Retry-After": "0"})
    uploading = start_job("worker", rows=MANY)
    uploading.await_log("(counted from 0) of 5")
    emulator.clear_faults()
    with disk.full():
        emulator.advance(600)
        small.await_log("No space left on device")
    uploading.await_batches(5)
    emulator.advance(600)
    assert uploading.manifest()["rows"]["succeeded"] == uploading.paid() == 13
    assert uploading.statuses() == 5 * ["completed"]
    assert small.manifest()["rows"]["succeeded"] == small.paid() == 8
    assert small.statuses() == 3 * ["completed"]
