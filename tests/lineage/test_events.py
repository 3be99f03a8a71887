"""What OpenLineage's provider is told of tasks, as its own transport writes it to a file."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from bundles import BUNDLES, bundles

import airflow_provider_groq
from airflow_provider_groq.emulator import GroqEmulator

MODEL = "openai/gpt-oss-20b"
KEY = "gsk_a_key_that_nobody_is_told"
FILE = Path(__file__).parents[1] / "dags" / "tell_lineage.py"
DAGS = (
    "lineage_of_a_batch_worker",
    "lineage_of_a_batch_deferred",
    "lineage_of_a_job_worker",
    "lineage_of_a_job_deferred",
    "lineage_of_a_failed_job",
    "lineage_of_a_refused_job",
    "lineage_of_a_function",
    "lineage_of_inline_requests",
    "lineage_of_a_dry_run",
)


def run_dags(emulator, home, folder, *dag_ids, **settings):
    """Run Dags in another process; the states of the runs, and its log."""
    ours = {"AIRFLOW_HOME": str(home), "AIRFLOW_CONN_GROQ_DEFAULT": emulator.connection_json, BUNDLES: bundles(FILE)}
    done = subprocess.run(
        [sys.executable, Path(__file__).parent / "run_dags.py", FILE, folder, *dag_ids],
        env=os.environ | ours | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
    # The provider's own process tells of the Dag runs, and logs after that.
    (told,) = (line for line in done.stdout.splitlines() if line.startswith('{"states":'))
    return json.loads(told)["states"], done.stdout + done.stderr


def to_file(path):
    """The settings of Airflow that have events written to a file."""
    transport = {"type": "file", "log_file_path": str(path), "append": True}
    return {
        "AIRFLOW__OPENLINEAGE__DISABLED": "False",
        "AIRFLOW__OPENLINEAGE__EXECUTION_TIMEOUT": "600",  # a busy machine is slow
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(transport),
    }


def lines(*values):
    return "".join(json.dumps(value) + "\n" for value in values)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lineage")
    cities = folder / "cities"
    cities.mkdir()
    (cities / "a.jsonl").write_text(lines({"city": "Berlin"}, {"city": "Nowhere"}))
    (cities / "b.jsonl").write_text(lines({"city": "Lima"}))
    body = {"model": MODEL, "messages": [{"role": "user", "content": "a secret of the file"}]}
    form = {"method": "POST", "url": "/v1/chat/completions", "body": body}
    (folder / "requests.jsonl").write_text(lines({"custom_id": "one", **form}, {"custom_id": "two", **form}))
    return folder


@pytest.fixture(scope="module")
def home(new_database, tmp_path_factory):
    """The folder of an Airflow of its own: the Dags' process shares no database with that of the tests."""
    path = tmp_path_factory.mktemp("lineage-airflow")
    new_database(path)
    return path


@pytest.fixture(scope="module")
def emulator():
    with GroqEmulator(seconds=4, api_key=KEY) as emulator:
        emulator.set(failing_requests={"Nowhere": 400}, cancelling_seconds=0.2)
        yield emulator


class Events:
    """The events of Dag runs.

    Attributes:
        text: All of them, as they were written.
        states: How the runs ended.
    """

    def __init__(self, path, states):
        self.text = path.read_text()
        self.states = states
        self._events = [json.loads(line) for line in self.text.splitlines()]

    def of(self, task):
        """The kinds of a task's events."""
        return [event["eventType"] for event in self._events if event["job"]["name"] == task]

    def last(self, task):
        return [event for event in self._events if event["job"]["name"] == task][-1]

    def first(self, task):
        return next(event for event in self._events if event["job"]["name"] == task)


@pytest.fixture(scope="module")
def events(home, emulator, folder):
    """The events of all Dags, run in one process."""
    path = folder / "events.jsonl"
    states, log = run_dags(emulator, home, folder, *DAGS, **to_file(path))
    assert "OpenLineage method failed" not in log
    assert "Failed to extract OpenLineage" not in log
    return Events(path, states)


def inputs(event):
    return {dataset_name(dataset): statistics(dataset, "inputFacets") for dataset in event["inputs"]}


def outputs(event):
    return {dataset_name(dataset): statistics(dataset, "outputFacets") for dataset in event["outputs"]}


def dataset_name(dataset):
    return f"{dataset['namespace']} {dataset['name']}"


def statistics(dataset, kind):
    """Rows, bytes and files of a dataset; None if nothing is said."""
    told = dataset.get(kind) or {}
    assert set(told) <= {"inputStatistics", "outputStatistics"}
    found = [(facet.get("rowCount"), facet.get("size"), facet.get("fileCount")) for facet in told.values()]
    return found[0] if found else None


def facet(event):
    """The run facet of this package, without what all facets have."""
    told = event["run"]["facets"]["groq_batches"]
    return {name: value for name, value in told.items() if not name.startswith("_")}


def size(*paths):
    return sum(path.stat().st_size for path in paths)


@pytest.mark.parametrize("way", ["worker", "deferred"])
class TestBatch:
    def test_leads_from_the_input_through_the_batch_to_the_answers(self, events, folder, way):
        dag_id = f"lineage_of_a_batch_{way}"
        assert events.states[dag_id] == "success"
        create, wait, download = (events.last(f"{dag_id}.{task}") for task in ("create", "wait", "download"))
        assert {event["eventType"] for event in (create, wait, download)} == {"COMPLETE"}
        (batch,) = facet(create)["batches"]
        batch_name = f"groq://groq_default batches/{batch['id']}"
        # dag.test() of Airflow 3.3.2 forgets what else a task hands to its resumption; see test_record.py.
        read = (2, size(folder / "requests.jsonl"), 1) if way == "worker" else None
        assert inputs(create) == {f"file {folder}/requests.jsonl": read}
        assert outputs(create) == {batch_name: (2, None, None), "groq://groq_default batches/nightly": None}
        assert inputs(wait) == {batch_name: (2, None, None)}
        assert inputs(download) == {batch_name: (2, None, None)}
        landed = folder / dag_id / "output.jsonl"
        assert outputs(download) == {f"file {folder}/{dag_id}": (2, size(landed), 1)}

    def test_is_in_a_facet_of_each_task(self, events, way):
        create, wait, download = (
            events.last(f"lineage_of_a_batch_{way}.{task}") for task in ("create", "wait", "download")
        )
        counts = {"total": 2, "completed": 2, "failed": 0}
        batch = {"id": facet(create)["batches"][0]["id"], "status": "completed", "requests": counts}
        for event in (create, wait, download):
            assert facet(event)["batches"] == [batch]
            assert facet(event)["connectionId"] == "groq_default"
            query = event["run"]["facets"]["externalQuery"]
            assert (query["externalQueryId"], query["source"]) == (batch["id"], "groq")
        assert facet(create)["requests"] == facet(wait)["requests"] == counts
        assert facet(download)["requests"]["succeeded"] == facet(download)["requests"]["total"] == 2
        assert facet(download)["models"] == [MODEL]
        tokens = facet(download)["tokens"][MODEL]
        assert tokens["total_tokens"] == tokens["prompt_tokens"] + tokens["completion_tokens"] > 0

    def test_is_not_known_at_the_start_but_the_paths_are(self, events, folder, way):
        """A deferred task starts again when it resumes: the same run, and the same datasets."""
        dag_id = f"lineage_of_a_batch_{way}"
        starts = 2 if way == "deferred" else 1
        assert events.of(f"{dag_id}.create") == [*["START"] * starts, "COMPLETE"]
        start = events.first(f"{dag_id}.create")
        assert inputs(start) == {f"file {folder}/requests.jsonl": None}
        assert "groq_batches" not in start["run"]["facets"]
        assert outputs(events.first(f"{dag_id}.download")) == {f"file {folder}/{dag_id}": None}


@pytest.mark.parametrize("way", ["worker", "deferred"])
def test_a_job_leads_from_its_files_to_its_answers(events, folder, way):
    """The folder stands for the files of a pattern. Outlets of the Dag are told too if OpenLineage can name them."""
    dag_id = f"lineage_of_a_job_{way}"
    assert events.states[dag_id] == "success"
    starts = 2 if way == "deferred" else 1
    assert events.of(f"{dag_id}.answer") == [*["START"] * starts, "COMPLETE"]
    event = events.last(f"{dag_id}.answer")
    manifest = json.loads((folder / dag_id / "manifest.json").read_text())
    landed = [folder / dag_id / part["name"] for part in manifest["parts"]]
    assert inputs(event) == {f"file {folder}/cities": (3, size(*folder.glob("cities/*")), 2)}
    assert outputs(event) == {f"file {folder}/{dag_id}": (3, size(*landed), len(landed)), "file /data/mart": None}
    told = facet(event)
    assert [batch["id"] for batch in told["batches"]] == [batch["id"] for batch in manifest["batches"]]
    assert [batch["status"] for batch in told["batches"]] == ["completed", "completed"]
    assert told["batchCount"] == 2
    assert told["requests"] == manifest["rows"]
    assert told["requests"]["failed"] == 1
    assert told["tokens"] == manifest["tokens"]
    assert (told["models"], told["rounds"], told["reused"], told["duplicates"]) == ([MODEL], 1, 0, 0)
    start = events.first(f"{dag_id}.answer")
    assert [*inputs(start), *outputs(start)] == [*inputs(event), *outputs(event)]


def test_a_job_that_fails_after_landing_tells_what_it_has_landed(events, folder):
    assert events.states["lineage_of_a_failed_job"] == "failed"
    event = events.last("lineage_of_a_failed_job.answer")
    assert event["eventType"] == "FAIL"
    cities = folder / "cities"
    assert inputs(event) == {
        f"file {cities}/a.jsonl": (2, size(cities / "a.jsonl"), 1),
        f"file {cities}/b.jsonl": (1, size(cities / "b.jsonl"), 1),
    }
    (landed,) = outputs(event).values()
    assert landed[0] == 3
    assert (facet(event)["requests"]["succeeded"], facet(event)["requests"]["failed"]) == (2, 1)
    assert facet(event)["batchCount"] == 2


def test_a_job_that_fails_before_has_no_batches(events, folder):
    event = events.last("lineage_of_a_refused_job.answer")
    assert event["eventType"] == "FAIL"
    assert inputs(event) == {f"file {folder}/missing.jsonl": None}
    assert "groq_batches" not in event["run"]["facets"]


def test_the_rows_of_a_function_come_from_the_inlets(events):
    event = events.last("lineage_of_a_function.answer")
    assert inputs(event) == {"file /data/cities.db": None}
    assert facet(event)["requests"]["succeeded"] == 1


def test_a_cancelled_batch_is_in_a_facet(events):
    made, cancelled = (events.last(f"lineage_of_inline_requests.{task}") for task in ("create", "cancel"))
    assert inputs(made) == {"groq://groq_default batches/nightly": None}
    (batch,) = facet(made)["batches"]
    assert outputs(made) == {f"groq://groq_default batches/{batch['id']}": (1, None, None)}
    assert (cancelled["inputs"], cancelled["outputs"]) == ([], [])
    assert [(told["id"], told["status"]) for told in facet(cancelled)["batches"]] == [(batch["id"], "cancelled")]


def test_a_dry_run_only_reads(events, folder):
    event = events.last("lineage_of_a_dry_run.answer")
    assert event["eventType"] == "COMPLETE"
    assert inputs(event) == {f"file {folder}/cities/a.jsonl": (2, size(folder / "cities/a.jsonl"), 1)}
    assert event["outputs"] == []


def test_no_event_has_a_key_a_prompt_or_a_row(events):
    assert '"groq_batches"' in events.text
    assert [word for word in (KEY, "a secret of", "Where is", "Berlin") if word in events.text] == []


def test_each_facet_follows_its_schema(events):
    module = Path(airflow_provider_groq.__file__).parent / "lineage/GroqBatchesRunFacet.json"
    schema = json.loads(module.read_text())
    name = "GroqBatchesRunFacet"
    (_, own) = schema["$defs"][name]["allOf"]  # the other is OpenLineage's, on the network
    facets = [
        told["run"]["facets"]["groq_batches"]
        for told in map(json.loads, events.text.splitlines())
        if "groq_batches" in told["run"]["facets"]
    ]
    assert len(facets) > 10
    for told in facets:
        assert told["_schemaURL"] == f"{schema['$id']}#/$defs/{name}"
        jsonschema.validate(told, own | {"$defs": schema["$defs"]})
        assert {key for key in told if key[0] != "_"} <= set(own["properties"])


def test_openlineage_that_is_broken_fails_no_task(home, emulator, folder):
    """Its events go to a file that cannot be written."""
    states, log = run_dags(
        emulator, home, folder, "lineage_of_inline_requests", **to_file(folder / "no" / "such" / "folder")
    )
    assert states == {"lineage_of_inline_requests": "success"}
    assert "OpenLineage" in log


WITHOUT = """
import json, sys
sys.modules["openlineage"] = None  # to import it fails
from datetime import UTC, datetime
from tries import TaskInstance, context_of
from airflow_provider_groq.operators.batch import GroqCreateBatchOperator
from airflow_provider_groq.operators.inference import GroqBatchInferenceOperator
context = context_of(TaskInstance(), datetime.now(UTC))
create = GroqCreateBatchOperator(task_id="create", input_path=sys.argv[1] + "/requests.jsonl", poll_interval=0.1)
create.execute(context)
job = {"model": "openai/gpt-oss-20b", "prompt_template": "{city}", "rows": [{"city": "Lima"}], "poll_interval": 0.1}
GroqBatchInferenceOperator(task_id="answer", output_path=sys.argv[1] + "/without", **job).execute(context)
print(json.dumps([name for name in sys.modules if name.startswith("openlineage") or "lineage.facets" in name]))
"""


def test_nothing_of_it_is_imported_where_it_is_not_installed(emulator, folder):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, folder],
        env=os.environ
        | {"AIRFLOW_CONN_GROQ_DEFAULT": emulator.connection_json, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == ["openlineage"]
