"""Events of assets, and the Dags that they wake, on the whole of Airflow."""

from urllib.parse import urlencode

import pytest
from system.rest import await_that

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]


def shown(manifest):
    """The manifest without what the REST API hides in an event, as "tokens" might be secret ones."""
    return {name: value for name, value in manifest.items() if name not in {"tokens", "rounds"}}


@pytest.fixture
def events(airflow):
    """What Airflow has stored of the assets that a run has written."""

    def find(run):
        _, dag_id, _, run_id = run.split("/")
        query = urlencode({"source_dag_id": dag_id, "source_run_id": run_id})
        return airflow.call("GET", f"assets/events?{query}")["asset_events"]

    return find


def test_the_event_of_a_deferred_job_has_its_manifest(airflow, events, tmp_path):
    run = airflow.trigger("assets_of_a_job_deferred", output_path=str(tmp_path))
    airflow.await_state(run, "land", "deferred")
    assert events(run) == []
    airflow.await_state(run, "land", "success")
    manifest = airflow.xcom(run, "land", "return_value")
    assert manifest["rows"]["succeeded"] == 3
    found = {event["name"]: shown(event["extra"]["manifest"]) for event in events(run)}
    names = {"landed_by_a_job", "also_by_it", "landed_elsewhere", f"file://{tmp_path}"}
    assert found == {name: shown(manifest) for name in names}


def test_a_partition_wakes_the_dag_that_waits_for_each(airflow, events, tmp_path):
    """Once for each, with its manifest; here it is an example Dag."""
    for day in ("2026-11-24", "2026-11-25"):
        run = airflow.trigger("partitions_of_a_job", output_path=str(tmp_path / day), day=day)
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
