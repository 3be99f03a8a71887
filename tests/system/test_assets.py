"""Events of assets, and the Dags that they wake, on the whole of Airflow."""

import json
import shutil
import sqlite3
import tempfile
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlencode

import pytest
from system.rest import await_that

from airflow_provider_groq.hooks.groq import GroqHook

pytestmark = pytest.mark.system


def shown(manifest):
    """The manifest without what the REST API hides in an event, as "tokens" might be secret ones."""
    return {name: value for name, value in manifest.items() if name not in {"tokens", "rounds"}}


@pytest.fixture
def events(airflow):
    """What Airflow has stored of the assets that a run has written."""

    def find(run):
        _, dag_id, _, run_id = run.split("/")
        query = urlencode({"source_dag_id": dag_id, "source_run_id": run_id})

        def answered():
            # Airflow 3.3.2 answers 500 until the runs that an event has created have begun.
            with suppress(AssertionError):
                return airflow.call("GET", f"assets/events?{query}")
            return None

        return await_that(answered, "Airflow tells of the events")["asset_events"]

    return find


def test_the_event_of_a_deferred_job_has_its_manifest(airflow, emulator, events, tmp_path):
    run = airflow.trigger("assets_of_a_job_deferred", output_path=str(tmp_path))
    airflow.await_state(run, "land", "deferred")
    assert events(run) == []
    emulator.advance(40)
    airflow.await_state(run, "land", "success")
    manifest = airflow.xcom(run, "land", "return_value")
    assert manifest["rows"]["succeeded"] == 3
    found = {event["name"]: shown(event["extra"]["manifest"]) for event in events(run)}
    names = {"landed_by_a_job", "also_by_it", "landed_elsewhere", f"file://{tmp_path}"}
    assert found == {name: shown(manifest) for name in names}


def test_a_partition_wakes_the_dag_that_waits_for_each(airflow, emulator, events, tmp_path):
    """Once for each, with its manifest; here it is an example Dag."""
    for day in ("2026-11-24", "2026-11-25"):
        run = airflow.trigger("partitions_of_a_job", output_path=str(tmp_path / day), day=day)
        await_that(lambda path=run: airflow.xcom(path, "land", "batch_id"), "the job has a batch")
        emulator.advance(40)
        airflow.await_state(run, "land", "success")
        manifest = airflow.xcom(run, "land", "return_value")
        found = {event["name"]: (event["partition_key"], shown(event["extra"]["manifest"])) for event in events(run)}
        assert found == dict.fromkeys(("days", "groq_reviews_answered"), (day, shown(manifest)))

    def woken():
        runs = airflow.call("GET", "dags/groq_use_partitions/dagRuns")["dag_runs"]
        return runs if len(runs) == 2 and all(run["state"] == "success" for run in runs) else None

    runs = await_that(woken, "each partition has woken the Dag")
    assert {run["partition_key"] for run in runs} == {"2026-11-24", "2026-11-25"}
    for run in runs:
        told = airflow.xcom(f"dags/groq_use_partitions/dagRuns/{run['dag_run_id']}", "use", "return_value")
        assert told == {"partition": run["partition_key"], "answers": ["row-0", "row-1", "row-2"]}


@pytest.fixture
def watching(airflow, emulator, monkeypatch):
    """The example Dag is not paused, and its watcher has begun."""
    monkeypatch.setenv("AIRFLOW_CONN_GROQ_DEFAULT", emulator.connection_json)
    dag = "dags/groq_on_finished_batches"
    await_that(lambda: airflow.exists(dag), "the Dag is parsed")
    token = airflow.call("PATCH", dag, is_paused=False)["file_token"]
    airflow.call("PUT", f"parseDagFile/{token}")  # which lets the watcher begin
    stored = "select 1 from asset_state_store s join asset a on a.id = s.asset_id where name = 'groq_finished_reviews'"

    def begun():
        with closing(sqlite3.connect(f"file:{airflow.home / 'airflow.db'}?mode=ro", uri=True)) as database:
            return database.execute(stored).fetchall()

    await_that(begun, "the watcher has begun")
    yield dag
    airflow.call("PATCH", dag, is_paused=True)


def test_batches_that_others_have_made_wake_a_dag_when_they_end(airflow, emulator, watching):
    """One run for all that ended at once; here it is an example Dag."""
    body = {"model": "openai/gpt-oss-20b", "messages": [{"role": "user", "content": "Hello"}]}
    line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body}
    with tempfile.TemporaryFile() as file, GroqHook() as hook:
        file.write(json.dumps(line).encode())
        file_id = hook.upload_file(file).id
        ids = [hook.create_batch(file_id, metadata={"project": "reviews"}).id for _ in range(3)]
        hook.create_batch(file_id, metadata={"project": "another"})
    emulator.advance(600)

    def woken():
        runs = airflow.call("GET", f"{watching}/dagRuns")["dag_runs"]
        return runs if runs and runs[0]["state"] == "success" else None

    (run,) = await_that(woken, "the Dag has run")
    run = f"{watching}/dagRuns/{run['dag_run_id']}"
    assert sorted(airflow.xcom(run, "finished", "return_value")) == sorted(ids)
    tasks = airflow.call("GET", f"{run}/taskInstances")["task_instances"]
    assert sorted(task["map_index"] for task in tasks if task["task_id"] == "download") == [0, 1, 2]
    folders = [Path("/tmp/groq") / batch_id for batch_id in ids]  # noqa: S108 - that of the example
    assert [[path.name for path in folder.iterdir()] for folder in folders] == [["output.jsonl"]] * 3
    for folder in folders:
        shutil.rmtree(folder)
