"""However requests get into a Dag, they reach Groq unchanged, and not Airflow's database."""

import json

import pytest

BRACES = "{{ 1 + 1 }} {% if %} {# no comment #}"


def sent(groq_emulator):
    """The prompts that reached Groq, file by file."""
    return [
        [
            json.loads(line)["body"]["messages"][0]["content"]
            for line in groq_emulator.file_content(file["id"]).splitlines()
        ]
        for file in groq_emulator.files()
        if file["purpose"] == "batch"
    ]


@pytest.mark.parametrize("dag_id", ["inline", "from_upstream"])
def test_prompts_are_not_rendered(run_dag, groq_emulator, dag_id):
    assert run_dag(dag_id).state == "success"
    assert sent(groq_emulator) == [[BRACES]]


def test_a_mapped_upstream_gives_one_batch_of_all_its_rows(run_dag, groq_emulator):
    assert run_dag("from_mapped_upstream").state == "success"
    assert sent(groq_emulator) == [["row 1", "row 2", "row 3"]]


@pytest.mark.parametrize("dag_id", ["expanded", "expanded_kwargs"])
def test_a_mapped_task_makes_a_batch_for_each_of_its_instances(run_dag, groq_emulator, dag_id):
    groq_emulator.set(seconds=0.2)
    ran = run_dag(dag_id)
    assert ran.state == "success"
    assert sorted(sent(groq_emulator)) == [["first"], ["second"]]
    ids = [ran.xcom("create", "batch_id", map_index=index) for index in (0, 1)]
    assert sorted(ids) == sorted([batch["id"]] for batch in groq_emulator.batches())


def test_every_operator_and_the_sensor_can_be_mapped(run_dag, groq_emulator, tmp_path):
    groq_emulator.set(seconds=0.2)
    ran = run_dag("expanded_chain", output_path=str(tmp_path))
    assert ran.state == "success"
    for index in (0, 1):
        (manifest,) = ran.xcom("download", map_index=index)
        (batch,) = ran.xcom("sense", map_index=index)
        assert ran.xcom("create", map_index=index) == ran.xcom("cancel", map_index=index) == [batch["id"]]
        assert manifest["batch_id"] == batch["id"]
        assert (tmp_path / str(index) / "output.jsonl").is_file()


def test_rendered_fields_hold_no_rows(run_dag):
    from airflow.models.renderedtifields import RenderedTaskInstanceFields

    ran = run_dag("inline")
    fields = RenderedTaskInstanceFields.get_templated_fields(ran.task("create"))
    assert fields["requests"] == "<1 requests>"


def test_paths_metadata_and_window_are_templates(run_dag, groq_emulator, tmp_path):
    path = tmp_path / "requests.jsonl"
    line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions"}
    path.write_text(json.dumps(line | {"body": {"model": "m", "messages": [{"role": "user", "content": BRACES}]}}))
    ran = run_dag("templated", input_path=str(path), window="48h")
    assert ran.state == "success"
    assert sent(groq_emulator) == [[BRACES]]
    (batch,) = groq_emulator.batches()
    assert batch["completion_window"] == "48h"
    assert batch["metadata"]["run"].startswith("manual__")
