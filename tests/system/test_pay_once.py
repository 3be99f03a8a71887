"""What the next try does, on the whole of Airflow: each line of the table in the documentation."""

import json
import signal
import sqlite3
from contextlib import closing, contextmanager

import psutil
import pytest
from system.rest import PATIENCE, await_that

pytestmark = pytest.mark.system

GOING_ON = {"validating", "in_progress"}
CANCELLED = {"cancelling", "cancelled"}


@pytest.fixture
def rows(tmp_path):
    """Writes the input of a run, and says where."""
    path = tmp_path / "rows.jsonl"

    def write(text="Hello"):
        body = {"model": "openai/gpt-oss-20b", "messages": [{"role": "user", "content": text}]}
        line = {"method": "POST", "url": "/v1/chat/completions", "body": body}
        path.write_text("".join(json.dumps(line | {"custom_id": name}) + "\n" for name in ("one", "two")))
        return str(path)

    return write


@pytest.fixture
def start(airflow, emulator, rows, slow_batches):
    """Starts a run, and gives it with its batch as soon as that is in XCom."""

    def start(way):
        run = airflow.trigger(f"pay_once_{way}", input_path=rows())
        await_that(lambda: airflow.xcom(run, "create", "batch_id"), "the batch id is in XCom")
        (batch_id,) = batches(emulator, run)
        return run, batch_id

    return start


def batches(emulator, run):
    """The batches of a run and their statuses, oldest first."""
    _, dag_id, _, run_id = run.split("/")
    marks = {"airflow_dag_id": dag_id, "airflow_run_id": run_id}.items()
    return {batch["id"]: batch["status"] for batch in emulator.batches() if marks <= (batch["metadata"] or {}).items()}


def finish(airflow, emulator, run, try_number):
    """Let the batch end, and the task succeed in this try."""
    emulator.advance(600)
    airflow.await_state(run, "create", "success")
    airflow.await_end(run, "success")
    assert airflow.task(run, "create")["try_number"] == try_number
    return airflow.xcom(run, "create", "return_value")


def await_try(airflow, run, number):
    """Wait until the try of this number has taken a batch up or made one."""

    def there():
        if airflow.task(run, "create")["try_number"] < number:
            return False
        log = airflow.log(run, "create", number)
        return "Resuming batch" in log or "Created batch" in log

    await_that(there, f"try {number} has a batch")


def process_of(airflow, run):
    """The process in which the task runs."""
    title = f"airflow worker -- {airflow.task(run, 'create')['id']}"
    (process,) = [process for process in psutil.process_iter() if title in " ".join(cmdline(process))]
    return process


@contextmanager
def taken_for_lost(airflow, run):
    """Stop the supervisor of a task for a while, and have the scheduler see that it was heard of an hour ago."""
    supervisor = process_of(airflow, run).parent()
    task = airflow.task(run, "create")["id"].replace("-", "")
    supervisor.suspend()
    try:
        with closing(sqlite3.connect(airflow.home / "airflow.db", timeout=PATIENCE)) as database, database:
            heard = "update task_instance set last_heartbeat_at = datetime('now', '-1 hour') where id = ?"
            assert database.execute(heard, [task]).rowcount == 1
        yield
    finally:
        supervisor.resume()


def cmdline(process):
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "evicted"])
def test_retry_takes_the_batch_up(airflow, emulator, start, number):
    run, batch_id = start("worker")
    process_of(airflow, run).send_signal(number)
    await_try(airflow, run, 2)
    assert batches(emulator, run)[batch_id] in GOING_ON
    assert finish(airflow, emulator, run, 2) == batch_id
    assert batches(emulator, run) == {batch_id: "completed"}
    assert f"Resuming batch {batch_id}" in airflow.log(run, "create", 2)
    if number == signal.SIGTERM:
        assert f"Batch {batch_id} keeps running at Groq" in airflow.log(run, "create", 1)


def test_clear_of_a_running_task_takes_the_batch_up(airflow, emulator, start):
    run, batch_id = start("worker")
    airflow.clear(run, "create")
    await_try(airflow, run, 2)
    assert finish(airflow, emulator, run, 2) == batch_id
    assert batches(emulator, run) == {batch_id: "completed"}


def test_clear_of_a_deferred_task_takes_the_batch_up(airflow, emulator, start):
    run, batch_id = start("deferred")
    airflow.await_state(run, "create", "deferred")
    await_that(lambda: "starting" in airflow.log(run, "create"), "the trigger has begun")
    airflow.clear(run, "create")
    await_try(airflow, run, 2)
    assert batches(emulator, run)[batch_id] in GOING_ON
    assert finish(airflow, emulator, run, 2) == batch_id
    assert batches(emulator, run) == {batch_id: "completed"}


def test_clear_of_a_task_that_succeeded_takes_the_batch_up(airflow, emulator, start):
    run, batch_id = start("worker")
    finish(airflow, emulator, run, 1)
    airflow.clear(run, "create")
    await_that(lambda: airflow.task(run, "create")["try_number"] == 2, "the next try begins")
    assert finish(airflow, emulator, run, 2) == batch_id
    assert batches(emulator, run) == {batch_id: "completed"}


def test_clear_of_a_task_that_failed_makes_a_new_batch_where_the_old_one_is_of_no_use(airflow, emulator, start):
    run, batch_id = start("worker")
    airflow.mark(run, "create", "failed")
    await_that(lambda: batches(emulator, run)[batch_id] in CANCELLED, "the batch is cancelled")
    airflow.await_end(run, "failed")
    airflow.clear(run, "create")
    await_try(airflow, run, 2)
    other = finish(airflow, emulator, run, 2)
    assert batches(emulator, run) == {batch_id: "cancelled", other: "completed"}


def test_clear_of_a_task_that_failed_takes_up_a_batch_that_goes_on(airflow, emulator, start):
    run, batch_id = start("impatient")
    airflow.await_state(run, "create", "failed")
    airflow.await_end(run, "failed")
    assert batches(emulator, run)[batch_id] in GOING_ON
    emulator.advance(600)
    airflow.clear(run, "create")
    assert finish(airflow, emulator, run, 2) == batch_id
    assert batches(emulator, run) == {batch_id: "completed"}


def test_clear_of_a_task_that_failed_takes_up_a_batch_that_has_answers(airflow, emulator, start):
    emulator.set(failing_requests={"two": 500})
    run, batch_id = start("strict")
    emulator.advance(600)
    airflow.await_state(run, "create", "failed")
    airflow.await_end(run, "failed")
    airflow.clear(run, "create")
    await_try(airflow, run, 2)
    airflow.await_state(run, "create", "failed")
    emulator.set(failing_requests={})
    assert batches(emulator, run) == {batch_id: "completed"}
    assert f"Resuming batch {batch_id}" in airflow.log(run, "create", 2)


def test_a_run_that_was_deleted_and_made_again_makes_a_new_batch(airflow, emulator, start, rows):
    run, batch_id = start("worker")
    finish(airflow, emulator, run, 1)
    airflow.make_again(run, input_path=rows())
    await_that(lambda: len(batches(emulator, run)) > 1, "another batch is made")
    other = finish(airflow, emulator, run, 1)
    assert batches(emulator, run) == {batch_id: "completed", other: "completed"}


def test_a_new_run_makes_a_new_batch(airflow, emulator, start):
    (one, first), (other, second) = start("worker"), start("worker")
    assert first != second
    assert finish(airflow, emulator, one, 1) == first
    assert finish(airflow, emulator, other, 1) == second


def test_a_changed_input_makes_a_new_batch(airflow, emulator, start, rows):
    run, batch_id = start("worker")
    rows("Something else")
    airflow.clear(run, "create")
    await_try(airflow, run, 2)
    other = finish(airflow, emulator, run, 2)
    assert batches(emulator, run) == {batch_id: "completed", other: "completed"}
    assert "to another input, so it keeps running at Groq" in airflow.log(run, "create", 2)


@pytest.mark.parametrize("way", ["fresh", "fresh_deferred"])
def test_without_reattachment_a_clear_cancels_and_makes_a_new_batch(airflow, emulator, start, way):
    run, batch_id = start(way)
    if way == "fresh_deferred":
        airflow.await_state(run, "create", "deferred")
        await_that(lambda: "starting" in airflow.log(run, "create"), "the trigger has begun")
    airflow.clear(run, "create")
    await_try(airflow, run, 2)
    await_that(lambda: batches(emulator, run)[batch_id] in CANCELLED, "the batch is cancelled")
    other = finish(airflow, emulator, run, 2)
    assert batches(emulator, run) == {batch_id: "cancelled", other: "completed"}


def test_a_try_that_starts_while_the_old_batch_is_still_cancelling_makes_a_new_one(airflow, emulator, start):
    emulator.set(cancelling_seconds=50)
    run, batch_id = start("worker")
    airflow.mark(run, "create", "failed")
    await_that(lambda: batches(emulator, run)[batch_id] == "cancelling", "the batch is being cancelled")
    airflow.await_end(run, "failed")
    airflow.clear(run, "create")
    await_try(airflow, run, 2)
    assert list(batches(emulator, run).values()) in (["cancelling", "validating"], ["cancelling", "in_progress"])
    other = finish(airflow, emulator, run, 2)
    emulator.set(cancelling_seconds=2)
    assert batches(emulator, run) == {batch_id: "cancelled", other: "completed"}


def test_a_try_after_execution_timeout_takes_the_batch_up(airflow, emulator, start):
    run, batch_id = start("timed")
    await_try(airflow, run, 2)
    assert batches(emulator, run)[batch_id] in GOING_ON
    assert finish(airflow, emulator, run, 2) == batch_id
    assert batches(emulator, run) == {batch_id: "completed"}


def test_execution_timeout_of_the_last_try_cancels_the_batch(airflow, emulator, start):
    run, batch_id = start("timed_once")
    airflow.await_state(run, "create", "failed")
    assert batches(emulator, run)[batch_id] in CANCELLED
    assert f"Batch {batch_id} is cancelling: execution_timeout passed." in airflow.log(run, "create", 1)


@pytest.mark.parametrize("way", ["run_timeout", "fail_fast"])
def test_a_task_that_airflow_ends_with_its_run_cancels_its_batch(airflow, emulator, start, way):
    run, batch_id = start(way)
    await_that(lambda: batches(emulator, run)[batch_id] in CANCELLED, "the batch is cancelled")
    state = {"run_timeout": "skipped", "fail_fast": "failed"}[way]
    assert f"Batch {batch_id} is cancelling: the task was marked {state}." in airflow.log(run, "create", 1)


def test_a_try_that_the_scheduler_took_for_lost_leaves_the_batch_to_the_next(airflow, emulator, start):
    run, batch_id = start("worker")
    with taken_for_lost(airflow, run):
        await_try(airflow, run, 2)
    await_that(
        lambda: f"Batch {batch_id} keeps running at Groq" in airflow.log(run, "create", 1), "the lost try is stopped"
    )
    assert batches(emulator, run)[batch_id] in GOING_ON
    assert finish(airflow, emulator, run, 2) == batch_id
    assert batches(emulator, run) == {batch_id: "completed"}


def test_the_last_try_cancels_its_batch_when_the_scheduler_took_it_for_lost(airflow, emulator, start):
    run, batch_id = start("once")
    with taken_for_lost(airflow, run):
        airflow.await_state(run, "create", "failed")
        assert batches(emulator, run)[batch_id] in GOING_ON
    await_that(lambda: batches(emulator, run)[batch_id] in CANCELLED, "the batch is cancelled")
    assert f"Batch {batch_id} is cancelling: the task was marked failed." in airflow.log(run, "create", 1)


def test_a_backfill_that_runs_a_run_again_takes_the_batch_up(airflow, emulator):
    day = {"from_date": "2026-03-01T00:00:00Z", "to_date": "2026-03-01T00:00:00Z"}

    def backfill(**options):
        await_that(lambda: airflow.call("GET", "dags?dag_id_pattern=pay_once_daily")["dags"], "the Dag is parsed")
        await_that(lambda: airflow.backfill(dag_id="pay_once_daily", **day, **options), "the backfill is started")

    def run():
        found = airflow.call("GET", "dags/pay_once_daily/dagRuns?run_type=backfill")["dag_runs"]
        return found and f"dags/pay_once_daily/dagRuns/{found[0]['dag_run_id']}"

    backfill(reprocess_behavior="none")
    path = await_that(run, "the run is made")
    await_try(airflow, path, 1)
    batch_id = finish(airflow, emulator, path, 1)
    await_that(
        lambda: all(b["completed_at"] for b in airflow.call("GET", "backfills?dag_id=pay_once_daily")["backfills"]),
        "the backfill has ended",
    )
    backfill(reprocess_behavior="completed")
    await_that(lambda: airflow.task(path, "create")["try_number"] == 2, "the next try begins")
    assert finish(airflow, emulator, path, 2) == batch_id
    assert batches(emulator, path) == {batch_id: "completed"}
