"""Run inside an environment: imports every module of the package, and runs an example Dag that defers.

The arguments are the versions that must be installed, such as ``httpx==0.27``.
"""

import importlib
import importlib.metadata
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import airflow_provider_groq
from airflow_provider_groq.emulator import GroqEmulator

NEEDS_PYTEST = "airflow_provider_groq.pytest_plugin"
NEEDS_COMMON_AI = "airflow_provider_groq.common_ai."
NEEDS_OPENLINEAGE = "airflow_provider_groq.lineage.facets"
SECONDS = 14.0
"""Of the batch: longer than a task polls itself before it defers."""


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


if __name__ == "__main__":
    compare(sys.argv[1:])
    import_all()
    find_what_to_install()
    run_example()
