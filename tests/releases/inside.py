"""Run inside an environment: imports every module of the package, runs an example Dag that defers, and a watcher.

The arguments are the versions that must be installed, such as ``httpx==0.27``.
"""

import importlib
import importlib.metadata
import os
import pkgutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import airflow_provider_groq
from airflow_provider_groq.demo.home import free_port
from airflow_provider_groq.emulator import GroqEmulator

NEEDS_PYTEST = "airflow_provider_groq.pytest_plugin"
NEEDS_COMMON_AI = "airflow_provider_groq.common_ai."
NEEDS_OPENLINEAGE = "airflow_provider_groq.lineage.facets"
SECONDS = 14.0
"""Of the batch: longer than a task polls itself before it defers."""

WATCHING = """
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset, AssetWatcher
from airflow_provider_groq.triggers.batch import GroqBatchEventTrigger

trigger = GroqBatchEventTrigger(metadata={"project": "ours"}, statuses=["completed"], poll_interval=1)
asset = Asset("ended", watchers=[AssetWatcher(name="watcher", trigger=trigger)])
with DAG("on_ended", schedule=[asset]):
    EmptyOperator(task_id="woken")
"""


def compare(floors: list[str]) -> None:
    """Check that the dependencies are those of the floors."""
    for floor in floors:
        name, _, version = floor.partition("==")
        installed = importlib.metadata.version(name)
        assert f"{installed}.0.0".startswith(f"{version}."), f"{name} is {installed}, and not {version}"


def import_all() -> None:
    """Import every module."""
    names = [
        module.name
        for module in pkgutil.walk_packages(airflow_provider_groq.__path__, "airflow_provider_groq.")
        if ".example_dags" not in module.name
        and not module.name.endswith(".__main__")
        and module.name not in {NEEDS_PYTEST, NEEDS_OPENLINEAGE}
        and not module.name.startswith(NEEDS_COMMON_AI)
    ]
    assert len(names) > 50
    for name in names:
        importlib.import_module(name)


def find_what_to_install() -> None:
    """Load the adapter for common-ai, which is not installed."""
    (entry,) = importlib.metadata.entry_points(group="airflow.providers.common.ai.batch_adapters")
    said = ""
    try:
        entry.load()
    except ImportError as error:
        said = str(error)
    assert "pip install 'airflow-provider-groq[common-ai]'" in said, said


def run_example() -> None:
    """Run an example Dag with Airflow's own command, against the emulator."""
    folder = Path(airflow_provider_groq.__file__).parent / "example_dags"
    environment = os.environ | {
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    with GroqEmulator(seconds=SECONDS) as emulator:
        environment["AIRFLOW_CONN_GROQ_DEFAULT"] = emulator.connection_json
        for command in (["db", "migrate"], ["dags", "reserialize"], ["dags", "test", "groq_create_and_wait"]):
            done = subprocess.run(
                [sys.executable, "-m", "airflow", *command],
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"{command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        said = done.stdout + done.stderr
        assert "Deferring until" in said, said[-6000:]
        assert [batch["request_counts"]["completed"] for batch in emulator.batches()] == [3], said[-6000:]


def run_watcher() -> None:
    """Let Airflow's own triggerer tell of a batch that has ended."""
    from airflow_provider_groq.hooks.groq import GroqHook

    with tempfile.TemporaryDirectory() as folder, GroqEmulator(seconds=1_000) as emulator:
        Path(folder, "watching.py").write_text(WATCHING)
        os.environ |= {
            "AIRFLOW_CONN_GROQ_DEFAULT": emulator.connection_json,
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": folder,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port()),
        }
        for _ in range(2):  # 3.0 knows the watchers of an asset at the second time
            subprocess.run([sys.executable, "-m", "airflow", "dags", "reserialize"], check=True, capture_output=True)
        with Path(folder, "log").open("wb") as log, GroqHook() as hook:
            triggerer = subprocess.Popen([sys.executable, "-m", "airflow", "triggerer"], stdout=log, stderr=log)
            try:
                await_that(lambda: bool(emulator.requests("GET", "/batches")), Path(folder, "log"))
                path = Path(folder, "requests.jsonl")
                path.write_text(LINE)
                batch = hook.create_batch(hook.upload_file(path).id, metadata={"project": "ours"})
                emulator.advance(2_000)
                await_that(lambda: told("select extra from asset_event", batch.id), Path(folder, "log"))
                if told("select name from sqlite_master", "asset_state_store"):  # from 3.3 on
                    await_that(lambda: told("select value from asset_state_store", batch.id), Path(folder, "log"))
            finally:
                triggerer.terminate()
                triggerer.wait()


LINE = (
    '{"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", '
    '"body": {"model": "openai/gpt-oss-20b", "messages": [{"role": "user", "content": "Hello"}]}}'
)


def told(query: str, what: str) -> bool:
    """Whether something is in a column of Airflow's database."""
    with closing(sqlite3.connect(Path(os.environ["AIRFLOW_HOME"], "airflow.db"))) as database:
        return any(what in value for (value,) in database.execute(query))


def await_that(holds: Callable[[], bool], log: Path) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + 600
    while not holds():
        assert time.monotonic() < deadline, log.read_text()[-6000:]
        time.sleep(0.5)


if __name__ == "__main__":
    compare(sys.argv[1:])
    import_all()
    find_what_to_install()
    run_example()
    run_watcher()
