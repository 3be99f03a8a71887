"""The main job on the whole of Airflow: trigger, deferral, success, logs, link, and a user's kill."""

import pytest
from system.rest import await_that

from airflow_provider_groq.api.retry import FIRST_DELAY, LONGEST_DELAY
from airflow_provider_groq.api.settings import Settings

pytestmark = pytest.mark.system


def status(emulator, batch_id):
    (batch,) = [batch for batch in emulator.batches() if batch["id"] == batch_id]
    return batch["status"]


def test_the_demo_dag_defers_and_lands_its_answers(airflow, emulator, tmp_path):
    run = airflow.trigger("groq_download_results", output_path=str(tmp_path))
    airflow.await_state(run, "create", "deferred")
    batch_id = airflow.xcom(run, "create", "batch_id")
    assert status(emulator, batch_id) == "in_progress"
    assert batch_id in airflow.link(run, "create", "Groq Console")
    # Its trigger has said what it waits for.
    await_that(lambda: f"Batch {batch_id}: in_progress" in airflow.log(run, "create"), "the batch is in progress")

    emulator.advance(40)
    airflow.await_state(run, "create", "success")
    airflow.await_state(run, "download", "success")

    log = airflow.log(run, "create")
    assert f"Created batch {batch_id}: https://console.groq.com/batches" in log
    assert f"Batch {batch_id}: completed" in log
    assert "Landed the results of batch" in airflow.log(run, "download")
    assert list(tmp_path.glob("*/output.jsonl"))
    assert airflow.xcom(run, "create", "return_value") == batch_id


@pytest.mark.parametrize("state", ["failed", "success", "skipped"])
def test_a_user_who_marks_a_waiting_task_cancels_its_batch(airflow, emulator, state):
    run = airflow.trigger("create_slowly")
    batch_id = await_that(lambda: airflow.xcom(run, "create", "batch_id"), "the batch id is in XCom")
    assert airflow.task(run, "create")["state"] == "running"
    airflow.mark(run, "create", state)
    await_that(lambda: status(emulator, batch_id) in {"cancelling", "cancelled"}, "the batch is cancelled")
    assert airflow.task(run, "create")["state"] == state


def test_a_batch_of_a_running_task_can_be_cancelled_by_another_task(airflow, emulator):
    """The batch id is in XCom from the moment it exists."""
    run = airflow.trigger("cancel_beside")
    airflow.await_state(run, "cancel", "success")
    airflow.await_state(run, "create", "failed")
    assert "GroqBatchCancelledError" in airflow.log(run, "create")


def deferred(airflow):
    """A run whose task is deferred, and its trigger begun; and the batch."""
    run = airflow.trigger("create_slowly_deferred")
    airflow.await_state(run, "create", "deferred")
    # A trigger that has not begun is never told of a mark.
    await_that(lambda: "starting" in airflow.log(run, "create"), "the trigger has begun")
    return run, airflow.xcom(run, "create", "batch_id")


@pytest.mark.parametrize("state", ["failed", "success", "skipped"])
def test_a_user_who_marks_a_deferred_task_cancels_its_batch(airflow, emulator, state):
    run, batch_id = deferred(airflow)
    airflow.mark(run, "create", state)
    await_that(lambda: status(emulator, batch_id) in {"cancelling", "cancelled"}, "the batch is cancelled")
    assert airflow.task(run, "create")["state"] == state


def test_a_user_who_marks_the_run_of_a_waiting_task_cancels_its_batch(airflow, emulator):
    run = airflow.trigger("create_slowly")
    batch_id = await_that(lambda: airflow.xcom(run, "create", "batch_id"), "the batch id is in XCom")
    airflow.mark_run(run, "failed")
    await_that(lambda: status(emulator, batch_id) in {"cancelling", "cancelled"}, "the batch is cancelled")


def test_a_user_who_marks_the_run_of_a_deferred_task_cancels_its_batch(airflow, emulator):
    run, batch_id = deferred(airflow)
    airflow.mark_run(run, "failed")
    await_that(lambda: status(emulator, batch_id) in {"cancelling", "cancelled"}, "the batch is cancelled")


@pytest.mark.usefixtures("slow_batches")
def test_a_clear_of_a_deferred_task_cancels_nothing(airflow, emulator):
    run, batch_id = deferred(airflow)
    airflow.clear(run, "create")
    await_that(lambda: airflow.task(run, "create")["try_number"] == 2, "the next try begins")
    airflow.await_state(run, "create", "deferred")
    await_that(lambda: "The task was not marked" in airflow.log(run, "create"), "the old trigger was told")
    assert status(emulator, batch_id) in {"validating", "in_progress"}
    airflow.mark(run, "create", "failed")


def longest_retries():
    """For how long, at most, a call is sent again (s)."""
    return sum(min(LONGEST_DELAY, FIRST_DELAY * 2**number) for number in range(Settings(api_key="any").max_retries))


def test_a_deferred_task_outlasts_an_outage_of_groq_that_no_call_would(airflow, emulator):
    """Groq is away for longer than a call is sent again: it answers 503, then not at all. The task has no retries."""
    run, batch_id = deferred(airflow)
    half = longest_retries() * 0.75
    outage = [
        emulator.fault(status=503, times=None, for_seconds=half),
        emulator.fault(drop="before", times=None, for_seconds=2 * half),
    ]
    began = emulator.now()
    airflow.await_state(run, "create", "success")
    since = [request for request in emulator.requests() if request.time >= began]
    assert {request.fault for request in since} == {*outage, None}
    answered = min(request.time for request in since if request.fault is None)
    assert answered - began > longest_retries()
    log = airflow.log(run, "create")
    assert "could not be polled; retrying until the deadline" in log
    assert f"Batch {batch_id}: completed" in log
    assert status(emulator, batch_id) == "completed"
