"""docs/coming-from.md: its Dags run, and its tables name what there is."""

import importlib
import inspect
import json
import re
from pathlib import Path

import pytest
from coming_from.conftest import DAGS, PAGE, needs

NAME = re.compile(r"`(\w+)`")

OURS = {
    "GroqCreateBatchOperator": "airflow_provider_groq.operators.batch",
    "GroqBatchInferenceOperator": "airflow_provider_groq.operators.inference",
    "GroqBatchSensor": "airflow_provider_groq.sensors.batch",
    "GroqBatchTrigger": "airflow_provider_groq.triggers.batch",
    "GroqHook": "airflow_provider_groq.hooks.groq",
}
THEIRS = {
    "OpenAITriggerBatchOperator": "airflow.providers.openai.operators.openai",
    "OpenAIBatchTrigger": "airflow.providers.openai.triggers.openai",
    "OpenAIHook": "airflow.providers.openai.hooks.openai",
    "AnthropicBatchOperator": "airflow.providers.anthropic.operators.batch",
    "AnthropicBatchSensor": "airflow.providers.anthropic.sensors.batch",
    "AnthropicBatchTrigger": "airflow.providers.anthropic.triggers.batch",
    "AnthropicHook": "airflow.providers.anthropic.hooks.anthropic",
    "LLMBatchOperator": "airflow.providers.common.ai.operators.llm_batch",
}


def peer_of(name):
    return {"O": "openai", "A": "anthropic", "L": "common-ai"}[name[0]]


def tables():
    """The tables whose first column is a class of a peer, and whose second one of ours: names, then rows of cells."""
    for lines in re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE):
        head, _, *rows = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in lines.splitlines()]
        if (theirs := head[0].strip("`")) in THEIRS:
            yield theirs, [name.strip("`") for name in head[1:-1]], rows


TABLES = {theirs: (ours, rows) for theirs, ours, rows in tables()}


def parameters(module, name):
    wanted = inspect.signature(getattr(importlib.import_module(module), name).__init__).parameters
    return set(wanted) - {"self", "kwargs"}


def test_there_are_a_dag_before_and_one_after_for_each_peer():
    assert set(DAGS) == {
        f"{peer}_{when}" for peer in ("openai", "anthropic", "common_ai") for when in ("before", "after")
    }


@pytest.mark.parametrize("name", ["openai", "anthropic", "common_ai"])
def test_the_dag_before_can_be_read(dag, name):
    needs(name.replace("_", "-"))
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag(f"{name}_before"))
    assert not bag.import_errors
    assert set(bag.dags) == {f"{name}_reviews"}
    assert {"ask"} < set(bag.dags[f"{name}_reviews"].task_ids)


@pytest.mark.parametrize(
    ("name", "conn_id", "conn_type"), [("openai", "OPENAI", "openai"), ("common_ai", "PYDANTICAI", "pydanticai")]
)
def test_the_dag_before_runs_on_a_server_with_openais_api(
    dag, run_dag, groq_emulator, monkeypatch, name, conn_id, conn_type
):
    needs("openai")
    needs(name.replace("_", "-"))
    connection = {"conn_type": conn_type, "host": f"{groq_emulator.url}/openai/v1", "password": groq_emulator.api_key}
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id}_DEFAULT", json.dumps(connection))
    groq_emulator.set(seconds=0, models=["gpt-4o-mini", "gpt-5-mini"])
    groq_emulator.answer_with(lambda request: {"mood": "negative" if "broke" in str(request) else "positive"})
    ran = run_dag(f"{name}_reviews", dag(f"{name}_before"))
    assert ran.state == "success"
    assert [batch["status"] for batch in groq_emulator.batches()] == ["completed"]
    assert ran.xcom("unhappy") == ([["lamp"]] if name == "common_ai" else [])


def test_openai_after(dag, run_dag, groq_emulator, tmp_path):
    groq_emulator.set(seconds=0.3)
    ran = run_dag("openai_reviews", dag("openai_after"))
    assert ran.state == "success"
    (manifest,) = ran.xcom("keep")
    lines = Path(manifest["output"]["path"]).read_text().splitlines()
    assert {json.loads(line)["custom_id"] for line in lines} == {"kettle", "lamp"}
    assert Path(manifest["output"]["path"]).is_relative_to(tmp_path)


def test_anthropic_after(dag, run_dag, groq_emulator):
    groq_emulator.set(seconds=0.3)
    groq_emulator.answer_with(lambda request: f"{len(request['body']['messages'])} messages")
    ran = run_dag("anthropic_reviews", dag("anthropic_after"))
    assert ran.state == "success"
    assert ran.xcom("keep") == [{"kettle": "2 messages", "lamp": "2 messages"}]


def test_common_ai_after(dag, run_dag, groq_emulator):
    groq_emulator.set(seconds=0.3)
    groq_emulator.answer_with(lambda request: {"mood": "negative" if request["custom_id"] == "lamp" else "positive"})
    ran = run_dag("common_ai_reviews", dag("common_ai_after"))
    assert ran.state == "success"
    assert ran.xcom("unhappy") == [["lamp"]]


def test_there_is_a_table_for_each_class_of_the_peers():
    assert set(TABLES) == set(THEIRS)


@pytest.mark.parametrize("theirs", THEIRS)
def test_the_table_names_each_parameter_that_the_peer_has_and_no_other(theirs):
    needs(peer_of(theirs))
    named = [name for row in TABLES[theirs][1] for name in NAME.findall(row[0])]
    if theirs.endswith("Hook"):
        hook = getattr(importlib.import_module(THEIRS[theirs]), theirs)
        assert [name for name in named if not callable(getattr(hook, name, None))] == []
        batch = {name for name in dir(hook) if "batch" in name and not name.startswith("_")}
        assert batch <= set(named)
    else:
        assert sorted(named) == sorted(parameters(THEIRS[theirs], theirs))


@pytest.mark.parametrize("theirs", THEIRS)
def test_the_table_names_only_parameters_that_we_have(theirs):
    classes, rows = TABLES[theirs]
    for column, ours in enumerate(classes, 1):
        name = "GroqBatchInferenceOperator" if ours == "@task.groq_batch" else ours
        cells = [row[column] for row in rows if not row[column].startswith("not needed: ")]
        assert all(re.fullmatch(r"`\w+`(, `\w+`)*", cell) for cell in cells)
        named = {word for cell in cells for word in NAME.findall(cell)}
        if ours == "GroqHook":
            hook = getattr(importlib.import_module(OURS[name]), name)
            assert {word for word in named if not callable(getattr(hook, word, None))} == set()
        else:
            assert named <= parameters(OURS[name], name)


@pytest.mark.parametrize("theirs", ["OpenAIHook", "AnthropicHook"])
def test_what_the_page_says_a_peer_lacks_is_not_there(theirs):
    needs(peer_of(theirs))
    hook = getattr(importlib.import_module(THEIRS[theirs]), theirs)
    ours = {word for row in TABLES[theirs][1] if not row[0] for word in NAME.findall(row[1])}
    assert {name for name in ours if hasattr(hook, name)} == set()
