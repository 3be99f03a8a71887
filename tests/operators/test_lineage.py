"""What the tries of a job tell OpenLineage."""

import io
import json

import pytest
from airflows import TaskDeferred
from tries import REQUEST, TaskInstance, context_of

from airflow_provider_groq.hooks.groq import GroqHook
from airflow_provider_groq.sensors.batch import GroqBatchSensor

pytest.importorskip("openlineage.client", reason="needs Airflow's OpenLineage provider")


def statistics(dataset):
    """Rows, bytes and files."""
    told = dataset.inputFacets if hasattr(dataset, "inputFacets") else dataset.outputFacets
    return [(facet.rowCount, facet.size, facet.fileCount) for facet in told.values()]


@pytest.fixture
def cities(tmp_path):
    path = tmp_path / "cities.jsonl"
    path.write_text("".join(json.dumps({"text": f"thing {number}"}) + "\n" for number in range(8)))
    return path


def run_try(job, **options):
    """Run the next try, and give its operator."""
    job._number += 1
    operator = job.operator(**options)
    try:
        operator.execute(job.context())
    except TaskDeferred:
        return operator, "deferred"
    return operator, "success"


def test_a_retry_that_goes_on_with_the_seal_tells_what_the_first_try_read(job, cities):
    job.emulator.set(seconds=1000)
    _, end = run_try(job, input_path=str(cities), deferrable=True)
    assert end == "deferred"
    size = cities.stat().st_size
    cities.unlink()  # a retry does not read it again
    job.emulator.advance(2000)
    operator, end = run_try(job, input_path=str(cities))
    assert end == "success"
    lineage = operator.get_openlineage_facets_on_complete(None)
    assert statistics(lineage.inputs[0]) == [(8, size, 1)]
    assert len(lineage.run_facets["groq_batches"].batches) == 3


def test_a_retry_that_finds_the_answers_landed_tells_of_them(job, cities):
    """How much was read is forgotten by then."""
    first, _ = run_try(job, input_path=str(cities))
    retry, end = run_try(job, input_path=str(cities))
    assert end == "success"
    landed, found = (operator.get_openlineage_facets_on_complete(None) for operator in (first, retry))
    assert found.outputs == landed.outputs
    assert statistics(found.outputs[0])[0][0] == 8
    assert (found.inputs[0].name, statistics(found.inputs[0])) == (str(cities), [])
    told, before = (lineage.run_facets["groq_batches"] for lineage in (found, landed))
    assert (told.requests, told.tokens, told.batchCount) == (before.requests, before.tokens, 3)


def test_a_later_round_is_told(job, cities):
    job.emulator.set(failing_requests={"row-3": {"error": 503, "times": 1}})
    operator, _ = run_try(job, input_path=str(cities))
    facet = operator.get_openlineage_facets_on_complete(None).run_facets["groq_batches"]
    assert facet.rounds == 2
    assert sorted(batch["round"] for batch in facet.batches) == [1, 1, 1, 2]
    assert facet.requests["succeeded"] == 8


def test_an_operator_that_runs_twice_in_a_process_tells_of_the_second_run_alone(create, groq_emulator, quick):
    groq_emulator.set(seconds=0)
    operator, told = create(), []
    for run_id in ("first", "second"):
        ti = TaskInstance()
        ti.run_id = run_id
        batch_id = operator.execute(context_of(ti, ti.start_date))
        told.append([batch["id"] for batch in facets_of(operator)])
        assert told[-1] == [batch_id]
    assert told[0] != told[1]


def facets_of(operator):
    """The batches that an operator tells of."""
    return operator.get_openlineage_facets_on_complete(None).run_facets["groq_batches"].batches


def test_a_sensor_too(groq_emulator, quick):
    groq_emulator.set(seconds=0)
    line = REQUEST | {"method": "POST", "url": "/v1/chat/completions"}
    with GroqHook() as hook:
        file_id = hook.upload_file(io.BytesIO(json.dumps(line).encode())).id
        batch_ids = [hook.create_batch(file_id).id for _ in range(2)]
    sensor = GroqBatchSensor(task_id="wait", batch_id=batch_ids[0])
    for batch_id in batch_ids:
        ti = TaskInstance()
        sensor.batch_id = batch_id
        sensor.execute(context_of(ti, ti.start_date))
        assert [batch["id"] for batch in facets_of(sensor)] == [batch_id]
