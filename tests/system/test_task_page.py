"""What Airflow's page of a task shows while the task is deferred, running and ended: short, readable, and what is."""

import json
import re

import pytest
from system.job_runs import Job
from system.rest import await_that

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("slow_batches")]

HASH = re.compile(r"[0-9a-f]{16}")
LONGEST = 200
"""Characters of a rendered field that nobody calls long."""


def entries(airflow, run, task_id):
    """The task state entries, by key."""
    listed = airflow.call("GET", f"{run}/taskInstances/{task_id}/state-store")["task_state_store"]
    return {entry["key"]: entry["value"] for entry in listed}


def assert_short(airflow, run, task_id, **expected):
    fields = airflow.task(run, task_id)["rendered_fields"]
    assert fields.items() >= expected.items()
    assert all(len(json.dumps(value)) < LONGEST for value in fields.values())


def test_a_create_task(airflow, emulator):
    run = airflow.trigger("create_slowly_deferred")
    batch_id = await_that(lambda: airflow.xcom(run, "create", "batch_id"), "there is a batch")
    emulator.advance(100)
    airflow.await_state(run, "create", "deferred")
    assert_short(airflow, run, "create", requests="<1 request>", groq_conn_id="groq_default")

    assert airflow.link(run, "create", "Groq Console").endswith(batch_id)
    shown = entries(airflow, run, "create")
    assert set(shown) == {"groq_batch", "groq_status"}
    assert shown["groq_batch"]["batch_id"] == batch_id
    status = shown["groq_status"]
    assert (status["batch_id"], status["status"]) == (batch_id, "in_progress")
    assert (status["done"], status["failed"], status["total"]) == (0, 0, 1)
    assert status["waiting"].startswith("in the triggerer until ")
    assert status["seen_at"].endswith(" UTC")

    await_that(lambda: f"Batch {batch_id}: in_progress" in trigger_log(airflow, run), "the trigger's log has progress")
    emulator.advance(600)
    airflow.await_state(run, "create", "success")
    status = entries(airflow, run, "create")["groq_status"]
    seen_at = status.pop("seen_at")
    assert status == {"batch_id": batch_id, "status": "completed", "done": 1, "failed": 0, "total": 1}
    assert seen_at.endswith(" UTC")


def trigger_log(airflow, run):
    """What the log of the task has from the trigger."""
    return airflow.log(run, "create").partition(" starting")[2]


def test_a_sensor(airflow, emulator):
    made = airflow.trigger("create_slowly_deferred")
    batch_id = await_that(lambda: airflow.xcom(made, "create", "batch_id"), "there is a batch")
    run = airflow.trigger("sense_deferred", batch_id=batch_id)
    airflow.await_state(run, "sense", "deferred")
    assert_short(airflow, run, "sense", batch_id=batch_id)
    assert airflow.link(run, "sense", "Groq Console").endswith(batch_id)
    shown = entries(airflow, run, "sense")
    assert set(shown) == {"groq_status"}
    assert shown["groq_status"]["batch_id"] == batch_id
    assert shown["groq_status"]["waiting"].startswith("in the triggerer until ")
    emulator.advance(600)
    airflow.await_state(run, "sense", "success")
    assert entries(airflow, run, "sense")["groq_status"]["status"] == "completed"


def test_a_job(airflow, emulator, tmp_path, request, take_picture):
    job = Job(airflow, emulator, tmp_path, "deferred")
    job.await_batches(3)
    emulator.advance(400)
    airflow.await_state(job.run, "create", "deferred")
    assert_short(airflow, job.run, "create", model="openai/gpt-oss-20b", op_args=[], output_path=str(job.output))
    assert airflow.link(job.run, "create", "Groq Console").endswith(airflow.xcom(job.run, "create", "batch_id"))

    shown = entries(airflow, job.run, "create")
    assert set(shown) == {"groq_alive_at", "groq_status"}
    assert not any(map(HASH.search, shown))
    status = shown["groq_status"]
    assert sorted(status["batch_ids"]) == sorted(batch["id"] for batch in job.batches())
    assert (status["round"], status["batches"], status["status"]) == (1, 3, {"in_progress": 3})
    assert (status["total"], status["failed"]) == (8, 0)
    assert 0 < status["done"] < 8
    if request.config.getoption("--pictures"):
        picture(airflow, job.run, request.getfixturevalue("open_page"), take_picture)

    job.finish()
    status = entries(airflow, job.run, "create")["groq_status"]
    assert status["status"] == {"completed": 3}
    assert (status["done"], status["failed"], status["total"]) == (8, 0, 8)
    assert "waiting" not in status


def picture(airflow, run, open_page, take_picture):
    _, dag_id, _, run_id = run.split("/")
    path = f"/dags/{dag_id}/runs/{run_id}/tasks/create/task-state-store"
    page = open_page(airflow.url, *airflow.login, path=path, size=(1200, 800))
    page.get_by_text("batch_ids").wait_for()
    page.wait_for_timeout(2000)  # the rows grow with what is in them
    take_picture(page, "task-state")


def test_a_job_that_runs_shows_its_batches_too(airflow, emulator, tmp_path):
    job = Job(airflow, emulator, tmp_path, "worker")

    job.await_batches(3)
    status = await_that(
        lambda: entries(airflow, job.run, "create").get("groq_status"), "the task's page shows its batches"
    )
    assert sorted(status["batch_ids"]) == sorted(batch["id"] for batch in job.batches())
    assert sum(status["status"].values()) == 3
    assert "waiting" not in status
    assert airflow.link(job.run, "create", "Groq Console").endswith(status["batch_ids"][0])
    job.finish()
