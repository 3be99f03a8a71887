"""What a task notes, and what is made of it."""

import json
from typing import ClassVar

import pytest
from airflow.sdk import ObjectStoragePath
from airflow.sdk.io import attach
from airflows import TaskDeferred, deserialize, serialize
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_groq.batches.events import BatchEvent
from airflow_provider_groq.compat import AirflowFailException
from airflow_provider_groq.jobs.amounts import Amount
from airflow_provider_groq.lineage.record import MAX_MODELS, MAX_PATHS, Record
from airflow_provider_groq.operators.batch import GroqCreateBatchOperator, GroqDownloadBatchResultsOperator
from airflow_provider_groq.operators.inference import GroqBatchInferenceOperator
from airflow_provider_groq.sensors.batch import GroqBatchSensor

MODEL = "openai/gpt-oss-20b"


def lineage_of(operator):
    """What OpenLineage's provider gets of a task that has ended."""
    return operator.get_openlineage_facets_on_complete(None)


def statistics(dataset):
    (facet,) = (dataset.inputFacets if hasattr(dataset, "inputFacets") else dataset.outputFacets).values()
    return facet.rowCount, facet.size, facet.fileCount


def test_a_resumed_task_knows_what_was_sent(groq_emulator, quick, context, tmp_path):
    """In a process that has read nothing."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]}
    line = json.dumps({"custom_id": "one", "method": "POST", "url": "/v1/chat/completions", "body": body}) + "\n"
    path = tmp_path / "requests.jsonl"
    path.write_text(line)

    def operator():
        return GroqCreateBatchOperator(task_id="create", input_path=str(path), deferrable=True)

    with pytest.raises(TaskDeferred) as deferred:
        operator().execute(context)
    kwargs = deserialize(json.loads(json.dumps(serialize(deferred.value.kwargs))))
    batch_id = groq_emulator.batches()[0]["id"]
    groq_emulator.advance(1000)
    event = {"ends": [{"batch_id": batch_id, "reason": "terminal", "batch": groq_emulator.batches()[0]}]}
    resumed = operator()
    resumed.execute_complete(context, BatchEvent.read(event).payload(), **kwargs)
    lineage = lineage_of(resumed)
    (read,), (batch,) = lineage.inputs, lineage.outputs
    assert (read.name, *statistics(read)) == (str(path), 1, len(line), 1)
    assert (batch.name, *statistics(batch)) == (f"batches/{batch_id}", 1, None, None)
    assert lineage.run_facets["groq_batches"].models == [MODEL]


def test_a_task_that_was_deferred_by_an_older_version_resumes():
    record = Record()
    record.note_sent(None)
    assert record == Record()


def test_a_record_stays_small():
    record = Record()
    record.note_read({f"/data/{number}.jsonl": Amount(1, 1, 1) for number in range(1_000)})
    record.note_models(f"model-{number}" + "x" * 1_000 for number in range(1_000))
    record.note_ids((f"batch_{number}" for number in range(1_000)), round=1)
    assert len(record.read) == MAX_PATHS
    assert len(record.models) == MAX_MODELS
    operator = GroqBatchInferenceOperator(
        task_id="answer",
        model=MODEL,
        input_path=[f"/data/{number}.jsonl" for number in range(1_000)],
        output_path="/out",
    )
    operator._lineage = record
    lineage = lineage_of(operator)
    assert len(lineage.inputs) == MAX_PATHS
    facet = lineage.run_facets["groq_batches"]
    assert (facet.batchCount, len(facet.batches)) == (1_000, 200)
    assert "externalQuery" not in lineage.run_facets


def test_files_of_the_same_folder_are_summed():
    operator = GroqBatchInferenceOperator(
        task_id="answer", model=MODEL, input_path=["/data/a*", "/data/b*"], output_path="/out", reuse=["/old", None, ""]
    )
    operator.lineage.note_read({"/data/a*": Amount(2, 20, 1), "/data/b*": Amount(3, 30, 4)})
    read, reused = lineage_of(operator).inputs
    assert (read.name, *statistics(read)) == ("/data", 5, 50, 5)
    assert (reused.name, reused.inputFacets) == ("/old", {})


@pytest.mark.parametrize("given", [None, "", " ", "None", "null", [], [None], {"a": 1}, 7, b"/data", object()])
def test_what_is_no_path_has_no_dataset(given):
    """The task says what is wrong with it; its lineage is told all the same."""
    operator = GroqDownloadBatchResultsOperator(task_id="land", batch_id="b", output_path="x", groq_conn_id="team")
    operator.output_path = operator.batch_id = given
    lineage = operator.get_openlineage_facets_on_start()
    assert (lineage.inputs, lineage.outputs, lineage.run_facets) == ([], [], {})


def test_paths_of_airflow_have_datasets():
    path = ObjectStoragePath("s3://aws_default@bucket/answers")
    operator = GroqDownloadBatchResultsOperator(task_id="land", batch_id="b", output_path=path)
    lineage = operator.get_openlineage_facets_on_start()
    assert [(dataset.namespace, dataset.name) for dataset in lineage.outputs] == [("s3://bucket", "answers")]


def test_a_sensor_reads_each_of_its_batches():
    sensor = GroqBatchSensor(task_id="wait", batch_id=["batch_a", "batch_b"], groq_conn_id="team")
    lineage = sensor.get_openlineage_facets_on_start()
    assert [(dataset.namespace, dataset.name) for dataset in lineage.inputs] == [
        ("groq://team", "batches/batch_a"),
        ("groq://team", "batches/batch_b"),
    ]


class Azure(MemoryFileSystem):
    account_name = "ours"
    store: ClassVar = {}


def test_an_azure_container_that_was_read_is_named_after_a_resumption_too(groq_emulator, quick, context, tmp_path):
    """By the account that the process before has found out."""
    attach("abfs", conn_id="lineage", fs=Azure())
    path = "abfs://lineage@container/rows.jsonl"
    with ObjectStoragePath(path).open("wb") as file:
        file.write(b'{"text": "thing"}\n')

    def job():
        return GroqBatchInferenceOperator(
            task_id="create",
            model=MODEL,
            prompt_template="{text}",
            input_path=path,
            output_path=str(tmp_path),
            **wait_so,
        )

    wait_so = {"deferrable": True, "poll_interval": 0.1}
    assert job().get_openlineage_facets_on_start().inputs == []
    with pytest.raises(TaskDeferred):
        job().execute(context)
    groq_emulator.advance(1000)
    resumed = job()
    brief = {"reason": "terminal", "status": "completed", "batch_ids": [groq_emulator.batches()[0]["id"]]}
    resumed.execute_complete(context, {"brief": [brief]})
    (read,) = lineage_of(resumed).inputs
    assert (read.namespace, read.name) == ("abfss://container@ours.dfs.core.windows.net", "rows.jsonl")
    assert statistics(read) == (1, 18, 1)


def test_amounts_are_summed_as_far_as_they_are_known():
    assert Amount(1, None, 1).plus(Amount(2, None, None)) == Amount(3, None, 1)
    assert Amount().plus(Amount()) == Amount()
    assert Amount(0).plus(Amount()) == Amount(0)


def test_a_job_that_fails_before_it_lands_names_its_batches(groq_emulator, quick, context, tmp_path):
    groq_emulator.set(seconds=1000)
    rows = [{"text": f"thing {number}"} for number in range(4)]
    job = GroqBatchInferenceOperator(
        task_id="create",
        model=MODEL,
        prompt_template="{text}",
        rows=rows,
        output_path=str(tmp_path / "answers"),
        shard_size=2,
        timeout=0.5,
        cancel_on_timeout=False,
        poll_interval=0.1,
    )
    with pytest.raises(AirflowFailException, match="The job's deadline passed"):
        job.execute(context)
    lineage = job.get_openlineage_facets_on_failure(None)
    facet = lineage.run_facets["groq_batches"]
    made = {batch["id"] for batch in groq_emulator.batches()}
    assert {batch["id"] for batch in facet.batches} == made
    assert {batch["round"] for batch in facet.batches} == {1}
    (folder,) = lineage.outputs
    assert (folder.name, folder.outputFacets) == (str(tmp_path / "answers"), {})


def test_what_cannot_be_recorded_fails_no_task(caplog):
    record = Record()
    record.note_job({"rows": "not those of a job"}, "/answers")
    assert "could not be recorded for OpenLineage" in caplog.text
