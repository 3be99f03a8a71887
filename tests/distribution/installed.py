"""Run where only the wheel is installed: finds what it registers, and runs what its README says.

``installed.py wheel`` needs Airflow alone; ``installed.py beside`` common-ai, OpenLineage and pytest, too.
It prints a line for each thing found.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

NAME = "airflow-provider-groq"
KINDS = ("hooks", "operators", "sensors", "triggers")
CLASSES = {
    "GroqBatchEventTrigger",
    "GroqBatchInferenceOperator",
    "GroqBatchSensor",
    "GroqBatchTrigger",
    "GroqCancelBatchOperator",
    "GroqCreateBatchOperator",
    "GroqDownloadBatchResultsOperator",
    "GroqHook",
}

COMMON_AI = """
from airflow.providers.common.ai.operators.llm_batch import LLMBatchOperator
from airflow.sdk import DAG, task

with DAG("through_common_ai", schedule=None):

    @task.llm_batch(llm_conn_id="groq_default", model_id="groq:openai/gpt-oss-20b", result_path="{folder}/llm")
    def ask():
        return ["How many legs has a spider?", "And a hen?"]

    ask()
"""

TEST = """
from airflow.dag_processing.dagbag import DagBag


def test_the_dag_asks_groq(groq_emulator):
    run = DagBag("{folder}/dags").dags["{dag_id}"].test()
    assert run.state == "success"
    (batch,) = groq_emulator.batches()
    assert batch["request_counts"]["completed"] == batch["request_counts"]["total"] > 0
"""


def airflow(*arguments: str) -> str:
    """What a command of Airflow prints.

    Raises:
        AssertionError: It fails, or warns of this package.
    """
    command = [sys.executable, "-P", "-m", "airflow", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = f"airflow {' '.join(arguments)}\n{done.stdout[-9000:]}\n{done.stderr[-9000:]}"
    assert done.returncode == 0, said
    warned = [line for line in said.splitlines() if "warning" in line.lower() and "groq" in line.lower()]
    assert not warned, said
    return done.stdout


def listed(*arguments: str) -> list[dict[str, Any]]:
    """The rows of one of Airflow's lists. In this process: there are many, and each start of Airflow takes seconds."""
    from airflow.cli.cli_parser import get_parser

    asked = get_parser().parse_args([*arguments, "--output", "json"])
    with redirect_stdout(StringIO()) as printed:
        asked.func(asked)
    said = printed.getvalue()
    rows: list[dict[str, Any]] = json.loads(said[said.index("[{") :])
    return rows


def find_the_provider() -> str:
    """Everything that Airflow's commands say of the package."""
    (package,) = [row for row in listed("providers", "list") if row["package_name"] == NAME]
    assert package["version"] == importlib.metadata.version(NAME)
    (hook,) = [row for row in listed("providers", "hooks") if row["connection_type"] == "groq"]
    assert hook["class"] == "airflow_provider_groq.hooks.groq.GroqHook"
    assert "airflow_provider_groq.links.batch.GroqBatchLink" in str(listed("providers", "links"))
    assert "airflow_provider_groq.triggers.batch" in str(listed("providers", "triggers"))
    (plugin,) = [row for row in listed("plugins") if row["name"] == "groq_batches"]
    assert "/groq/static/batches.js" in str(plugin["react_apps"])
    assert "/groq" in str(plugin["fastapi_apps"])
    (told,) = listed("providers", "get", NAME, "--full")
    found = set(classes(told))
    assert found == CLASSES, found
    assert [decorator["name"] for decorator in told["task-decorators"]] == ["groq_batch"]
    assert importlib.import_module("airflow_provider_groq").__file__.startswith(sys.prefix)
    return f"{len(found)} classes, the decorator, the link and the page"


def classes(told: dict[str, Any]) -> Iterator[str]:
    """The names of the classes of the modules that Airflow tells of."""
    for module in [module for kind in KINDS for entry in told[kind] for module in entry["python-modules"]]:
        for name, value in inspect.getmembers(importlib.import_module(module), inspect.isclass):
            if value.__module__ == module and name.startswith("Groq"):
                yield name


def find_the_example_dags() -> str:
    """All of them, without an import error, where Airflow loads the example Dags of providers."""
    rows = listed("dags", "list", "--local", "--bundle-name", f"{NAME}-example-dags")
    files = {Path(row["fileloc"]).name for row in rows}
    held = {Path(str(path)).name for path in importlib.metadata.files(NAME) or () if "example_dags" in str(path)}
    assert len(held) > 10
    assert files == held, files ^ held
    return f"{len(rows)} example Dags"


@contextmanager
def emulator() -> Iterator[str]:
    """The emulator as a process of its own, at a port that is free; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-P", "-m", "airflow_provider_groq.emulator", "--port", str(port), "--seconds", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            assert str(port) in process.stdout.readline()
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def batches(url: str) -> list[dict[str, Any]]:
    """The emulator's batches, the newest first."""
    request = urllib.request.Request(f"{url}/openai/v1/batches", headers={"Authorization": "Bearer gsk_emulator"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
        found: list[dict[str, Any]] = json.load(answer)["data"]
        return found


def readme_dag() -> tuple[str, str]:
    """The first Dag of the README that the package index shows: its id and its file."""
    text = importlib.metadata.metadata(NAME).get_payload()
    found = re.search(r"```python\n((?:(?!```).)*?DAG\(\"(\w+)\".+?)```", text, re.DOTALL)
    assert found, text
    return found[2], found[1]


def run_the_readmes_dag(dag_id: str, url: str) -> str:
    """With Airflow's own command."""
    assert "Connection success" in airflow("connections", "test", "groq_default")
    airflow("dags", "test", dag_id)
    counts = batches(url)[0]["request_counts"]
    assert counts["completed"] == counts["total"] > 0
    return "the README's Dag with the emulator"


def run_the_demo(folder: Path) -> str:
    """As the README says."""
    command = [sys.executable, "-P", "-m", "airflow_provider_groq.demo", "--folder", folder / "demo"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert re.search(r"rows +(\d+) total, \1 succeeded", done.stdout), done.stdout
    return "the demo"


def run_through_common_ai(url: str) -> str:
    """Airflow's common-ai finds the adapter by its entry point."""
    airflow("dags", "test", "through_common_ai")
    assert [batch["metadata"]["airflow_dag_id"] for batch in batches(url)][:1] == ["through_common_ai"]
    return "the adapter for common-ai"


def run_with_openlineage(dag_id: str, folder: Path) -> str:
    """OpenLineage's events of a run carry the package's facet."""
    events = folder / "events"
    os.environ["AIRFLOW__OPENLINEAGE__TRANSPORT"] = json.dumps(
        {"type": "file", "log_file_path": str(events), "append": True}
    )
    airflow("dags", "test", dag_id)
    del os.environ["AIRFLOW__OPENLINEAGE__TRANSPORT"]
    told = events.read_text()
    assert "GroqBatchesRunFacet" in told, told[-4000:]
    return "OpenLineage's facet"


def run_a_test(dag_id: str, folder: Path) -> str:
    """Of a project that only has the package installed: pytest finds the fixture by its entry point."""
    project = folder / "project"
    project.mkdir()
    (project / "test_dag.py").write_text(TEST.format(folder=folder, dag_id=dag_id))
    command = [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-9000:]
    assert "1 passed" in done.stdout
    return "the pytest fixture"


def main() -> None:
    """Find and run what the first argument says."""
    with tempfile.TemporaryDirectory() as path, emulator() as url:
        folder = Path(path)
        (folder / "dags").mkdir()
        dag_id, text = readme_dag()
        (folder / "dags" / "of_the_readme.py").write_text(text)
        os.environ |= {
            "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW_CONN_GROQ_DEFAULT": json.dumps({"conn_type": "groq", "host": url, "password": "gsk_emulator"}),
        }
        if sys.argv[1] == "wheel":
            airflow("db", "migrate")
            found = [find_the_provider(), find_the_example_dags(), run_the_readmes_dag(dag_id, url)]
            found.append(run_the_demo(folder))
        else:
            (folder / "dags" / "through_common_ai.py").write_text(COMMON_AI.format(folder=folder))
            found = [run_through_common_ai(url), run_with_openlineage(dag_id, folder), run_a_test(dag_id, folder)]
        print("\n".join(found))


if __name__ == "__main__":
    main()
