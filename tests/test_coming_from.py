"""docs/coming-from.md: its Dags run, its tables name what there is, and what it says of OpenAI's operator is so."""

import importlib
import inspect
import json
import os
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "coming-from.md").read_text(encoding="utf-8")
DAGS = dict(re.findall(r"```\{code-block\} python\n:caption: (\w+)\.py\n\n(.*?)```", PAGE, re.DOTALL))
NAME = re.compile(r"`(\w+)`")
BUNDLES = "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"
LOCAL = "airflow.dag_processing.bundles.local.LocalDagBundle"

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


def needs(peer):
    """Skips the test where the peer is not installed, or not in the version that the page is of."""
    distribution = f"apache-airflow-providers-{peer}"
    (wanted,) = re.findall(rf"`{distribution}`\s+(\d+\.\d+\.\d+)", PAGE)
    try:
        there = version(distribution)
    except PackageNotFoundError:
        pytest.skip(f"{distribution} is not installed: it is in the group bench or test")
    if there != wanted:
        pytest.skip(f"the page is of {distribution} {wanted}, and {there} is installed")
    if peer != "common-ai":
        pytest.importorskip(peer, reason=f"the SDK of {peer} is not installed: it is in the group bench")


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


@pytest.fixture
def dag(tmp_path, monkeypatch):
    """Writes a Dag of the page into a folder of its own, which Airflow knows; what it puts into /tmp goes there too."""

    def write(name):
        folder = tmp_path / "dags"
        folder.mkdir()
        (folder / f"{name}.py").write_text(DAGS[name].replace("/tmp/", f"{tmp_path}/"), encoding="utf-8")  # noqa: S108 - as the page has it
        bundle = {"name": f"page_{name}", "classpath": LOCAL, "kwargs": {"path": str(folder)}}
        monkeypatch.setenv(BUNDLES, json.dumps([*json.loads(os.environ[BUNDLES]), bundle]))
        return folder

    return write


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


def test_the_figures_are_those_of_the_page_performance():
    measured = (DOCS / "performance.md").read_text(encoding="utf-8")
    table = PAGE[PAGE.index("### Figures") :]
    rows = [line.split("|")[2:-1] for line in table.splitlines() if line.startswith("| ") and "openai" not in line]
    figures = {cell.strip() for row in rows for cell in row} - {"not measured"}
    assert len(figures) > 20
    assert [figure for figure in figures if f"| {figure} |" not in measured] == []


class OpenAI:
    """OpenAI's operator, whose server is the emulator."""

    def __init__(self, emulator, folder):
        self.emulator = emulator
        path = folder / "requests.jsonl"
        message = {"role": "user", "content": "Where is Berlin?"}
        body = {"model": "openai/gpt-oss-20b", "messages": [message]}
        lines = (
            {"custom_id": f"row-{n}", "method": "POST", "url": "/v1/chat/completions", "body": body} for n in "123"
        )
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        from airflow.providers.openai.hooks.openai import OpenAIHook

        with OpenAIHook().get_conn() as client, path.open("rb") as file:
            self.file_id = client.files.create(file=file, purpose="batch").id

    def run(self, **options):
        """One try."""
        from airflow.providers.openai.operators.openai import OpenAITriggerBatchOperator

        ask = OpenAITriggerBatchOperator(
            task_id="ask", file_id=self.file_id, endpoint="/v1/chat/completions", wait_seconds=0.05, **options
        )
        try:
            return ask.execute({})
        finally:
            ask.hook.conn.close()

    def statuses(self):
        return [batch["status"] for batch in self.emulator.batches()]


@pytest.fixture
def openai(groq_emulator, monkeypatch, tmp_path):
    needs("openai")
    connection = {"conn_type": "openai", "host": f"{groq_emulator.url}/openai/v1", "password": groq_emulator.api_key}
    monkeypatch.setenv("AIRFLOW_CONN_OPENAI_DEFAULT", json.dumps(connection))
    groq_emulator.set(seconds=0.1, cancelling_seconds=100)
    return OpenAI(groq_emulator, tmp_path)


def test_openais_operator_creates_another_batch_at_each_try(openai):
    assert openai.run() != openai.run()
    assert openai.statuses() == ["completed", "completed"]


@pytest.mark.parametrize("which", ["row-1", "row-*"])
def test_openais_operator_succeeds_if_requests_failed(openai, groq_emulator, which):
    groq_emulator.set(failing_requests={which: "json_validate_failed"})
    batch_id = openai.run()
    (batch,) = groq_emulator.batches()
    assert batch["id"] == batch_id
    assert batch["request_counts"]["failed"] == (1 if which == "row-1" else 3)


def test_openais_operator_fails_with_an_expired_batch_and_can_be_retried(openai, groq_emulator):
    from airflow.providers.openai.exceptions import OpenAIBatchJobException
    from airflow.sdk.exceptions import AirflowFailException

    groq_emulator.set(outcome="expired")
    with pytest.raises(OpenAIBatchJobException) as error:
        openai.run()
    (batch,) = groq_emulator.batches()
    assert batch["request_counts"]["completed"]
    assert batch["id"] in str(error.value)
    assert not isinstance(error.value, AirflowFailException)


def test_openais_operator_cancels_at_its_timeout_and_can_be_retried(openai, groq_emulator):
    from airflow.providers.openai.exceptions import OpenAIBatchTimeout
    from airflow.sdk.exceptions import AirflowFailException

    groq_emulator.set(seconds=1000)
    with pytest.raises(OpenAIBatchTimeout) as error:
        openai.run(timeout=0.2)
    assert openai.statuses() == ["cancelling"]
    assert not isinstance(error.value, AirflowFailException)
