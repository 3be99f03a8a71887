"""Every example Dag runs through real Airflow."""

import json
from pathlib import Path

import pytest


@pytest.fixture
def run_example(run_dag, groq_emulator):
    groq_emulator.set(seconds=0.3, cancelling_seconds=0.3)
    return lambda dag_id, **conf: run_dag(dag_id, "example_dags", **conf)


def test_create_and_wait(run_example, groq_emulator):
    ran = run_example("groq_create_and_wait")
    assert ran.state == "success"
    assert ran.xcom("ask") == [groq_emulator.batches()[0]["id"]]


def test_create_here_and_wait_in_another_dag(run_example, groq_emulator):
    assert run_example("groq_create_here").state == "success"
    (batch,) = groq_emulator.batches()
    ran = run_example("groq_wait_here", batch_id=batch["id"])
    assert ran.state == "success"
    assert ran.xcom("wait")[0]["id"] == batch["id"]


def test_cancel(run_example, groq_emulator):
    groq_emulator.set(seconds=1000)
    assert run_example("groq_cancel").state == "success"
    assert [batch["status"] for batch in groq_emulator.batches()] == ["cancelled"]


def test_download_results(run_example, tmp_path):
    ran = run_example("groq_download_results", output_path=str(tmp_path))
    assert ran.state == "success"
    (manifest,) = ran.xcom("download")
    path = Path(manifest["output"]["path"])
    assert path.is_relative_to(tmp_path)
    answers = [json.loads(line) for line in path.read_text().splitlines()]
    assert "apache-airflow" in {answer["custom_id"] for answer in answers}
    assert manifest["requests"]["succeeded"] == manifest["requests"]["total"] == len(answers)


def test_branch_on_failures(run_example, tmp_path):
    ran = run_example("groq_branch_on_failures", output_path=str(tmp_path))
    assert ran.state == "success"
    assert ran.task("look_at_errors").state == "success"
    assert ran.task("use_answers").state == "skipped"


def test_land_what_is_there(run_example, tmp_path):
    ran = run_example("groq_land_what_is_there", output_path=str(tmp_path))
    assert ran.task("create").state == "failed"
    (manifest,) = ran.xcom("download")
    assert (manifest["requests"]["succeeded"], manifest["requests"]["failed"]) == (1, 1)


def test_every_example_is_tested_here():
    examples = {path.stem for path in (Path(__file__).parents[1] / "example_dags").glob("*.py")}
    assert examples == {
        "groq_branch_on_failures",
        "groq_cancel",
        "groq_create_and_wait",
        "groq_download_results",
        "groq_land_what_is_there",
        "groq_wait_in_another_dag",
    }
