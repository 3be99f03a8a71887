"""What Airflow's ``execution_timeout`` does to a whole job, on the whole of Airflow."""

import pytest
from system.job_runs import CANCELLED, GOES_ON

pytestmark = pytest.mark.system


def test_execution_timeout_ends_a_try_and_each_request_is_paid_once(airflow, emulator, start_job):
    """In the worker and deferred: with retries left, the next try resumes the batches; without, they are cancelled.

    They are left with ``cancel_on_timeout=False``, and a clear lands them.
    """
    ways = ("timed", "timed_deferred", "timed_once", "timed_kept")
    jobs = dict(zip(ways, map(start_job, ways), strict=True))
    timed, deferred, once, kept = jobs.values()
    for job in (once, kept):
        airflow.await_state(job.run, "create", "failed")
    for job in (timed, deferred):
        job.await_waiting(2)
    for job in jobs.values():
        assert len(job.batches()) == 3
        assert "AirflowTaskTimeout" in job.logs()
    assert set(once.statuses()) <= CANCELLED
    assert set(timed.statuses() + deferred.statuses() + kept.statuses()) <= GOES_ON

    emulator.advance(600)
    kept.clear()
    once.clear()
    once.await_batches(6)
    emulator.advance(600)
    for job in jobs.values():
        assert job.manifest()["rows"]["succeeded"] == job.paid() == 8
    assert once.statuses() == [*3 * ["cancelled"], *3 * ["completed"]]
    for job in (timed, deferred, kept):
        assert job.statuses() == 3 * ["completed"]
