"""What OpenLineage's provider is told of deferred tasks on real Airflow, as its own transport writes it to a file."""

import json

import pytest
from system.rest import KEY, await_that

pytest.importorskip("openlineage.client", reason="needs Airflow's OpenLineage provider")

pytestmark = pytest.mark.system

MODEL = "openai/gpt-oss-20b"
BATCH, JOB = "lineage_of_a_batch_deferred", "lineage_of_a_job_deferred"
BODY = {"model": MODEL, "messages": [{"role": "user", "content": "a secret of the file"}]}
REQUEST = {"method": "POST", "url": "/v1/chat/completions", "body": BODY}


def lines(*values):
    return "".join(json.dumps(value) + "\n" for value in values)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lineage")
    (folder / "cities").mkdir()
    (folder / "cities" / "a.jsonl").write_text(lines({"city": "Berlin"}, {"city": "Lima"}, {"city": "Lagos"}))
    (folder / "requests.jsonl").write_text(lines(*({"custom_id": name, **REQUEST} for name in ("one", "two"))))
    return folder


@pytest.fixture(scope="module")
def events(airflow, emulator, folder):
    """All events of both tasks, by their job, once these have resumed in another process and ended."""
    tasks = {BATCH: "create", JOB: "answer"}
    runs = {dag_id: airflow.trigger(dag_id, folder=str(folder)) for dag_id in tasks}
    for dag_id, task_id in tasks.items():
        airflow.await_state(runs[dag_id], task_id, "deferred")
    emulator.advance(40)
    for dag_id, task_id in tasks.items():
        airflow.await_state(runs[dag_id], task_id, "success")

    def told():
        text = airflow.lineage.read_text() if airflow.lineage.exists() else ""
        events = [json.loads(line) for line in text.splitlines() if line.endswith("}")]
        found = {
            dag_id: [event for event in events if event["job"]["name"] == f"{dag_id}.{task_id}"]
            for dag_id, task_id in tasks.items()
        }
        return found if all(each and each[-1]["eventType"] == "COMPLETE" for each in found.values()) else None

    return await_that(told, "both tasks have told of their end")


def datasets(event, kind):
    """The names of its inputs or outputs, and how many rows each has."""
    found = {}
    for dataset in event[f"{kind}s"]:
        statistics = (dataset.get(f"{kind}Facets") or {}).get(f"{kind}Statistics") or {}
        found[f"{dataset['namespace']} {dataset['name']}"] = statistics.get("rowCount")
    return found


def test_a_deferred_batch_leads_from_its_file_to_the_batch(events, folder):
    """Also what only the process knew that deferred."""
    *starts, event = events[BATCH]
    assert {start["eventType"] for start in starts} == {"START"}
    told = event["run"]["facets"]["groq_batches"]
    (batch,) = told["batches"]
    assert (batch["status"], batch["requests"]) == ("completed", {"total": 2, "completed": 2, "failed": 0})
    assert told["models"] == [MODEL]
    assert datasets(event, "input") == {f"file {folder}/requests.jsonl": 2}
    assert datasets(event, "output") == {
        f"groq://groq_default batches/{batch['id']}": 2,
        "groq://groq_default batches/nightly": None,
    }


def test_a_deferred_job_leads_from_its_files_to_its_answers(events, folder):
    *_, event = events[JOB]
    told = event["run"]["facets"]["groq_batches"]
    manifest = json.loads((folder / JOB / "manifest.json").read_text())
    assert [batch["id"] for batch in told["batches"]] == [batch["id"] for batch in manifest["batches"]]
    assert (told["batchCount"], told["requests"], told["tokens"]) == (2, manifest["rows"], manifest["tokens"])
    assert datasets(event, "input") == {f"file {folder}/cities": 3}
    assert datasets(event, "output") == {f"file {folder}/{JOB}": 3, "file /data/mart": None}


def test_no_event_has_a_prompt_or_the_key(airflow, events):
    text = airflow.lineage.read_text()
    assert "a secret of the file" not in text
    assert "Berlin" not in text
    assert KEY not in text
