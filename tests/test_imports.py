"""The architecture: which module imports which."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import airflow_provider_groq

NAME = "airflow_provider_groq"
ROOT = Path(airflow_provider_groq.__file__).parent

LEVELS = [
    {"exceptions"},
    {"api"},
    {"batches"},
    {"jobs"},
    {"compat"},
    {"telemetry"},
    {"hooks"},
    {"storage", "assets"},
    {"answers", "lineage"},
    {"submission"},
    {"links"},
    {"triggers"},
    {"sensors", "operators"},
    {"decorators", "common_ai", "ui"},
]
"""A part imports from itself and from the levels before its own."""

FOLDERS_OF_JOBS = ["requests", "money", "spools", "results", "apart", "output"]
"""Likewise within ``jobs``: a folder imports from itself and from those before it."""

APART = {
    "__init__": set(),
    "provider_info": set(),
    "emulator": {"emulator"},
    "pytest_plugin": {"emulator"},
    "demo": {"demo", "emulator"},
}
"""What these may import; nothing in the levels imports them."""

THIRD_PARTY = {
    "exceptions": set(),
    "api": {"httpx", "msgspec", "pydantic", "tenacity"},
    "batches": {"msgspec", "pydantic"},
    "jobs": {"jsonschema", "msgspec", "pydantic"},
}
HTTP = {"httpx", "requests", "aiohttp", "urllib3", "socket", "http", "urllib.request"}

MODULES = {
    path.relative_to(ROOT).with_suffix("").as_posix(): path.read_text(encoding="utf-8")
    for path in ROOT.rglob("*.py")
    if "example_dags" not in path.parts
}


def imports_of(source):
    """The names of all modules that a source imports, wherever in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            inside = node.module == NAME
            yield from (f"{NAME}.{alias.name}" for alias in node.names) if inside else (node.module,)


def part_of(module):
    """The folder or top-level module of the package to which a module belongs."""
    return module.split("/")[0]


def own_parts(source):
    """The parts of the package that a source imports."""
    names = (
        name.removeprefix(f"{NAME}.").split(".")[0] for name in imports_of(source) if f"{name}.".startswith(f"{NAME}.")
    )
    parts = {part_of(module) for module in MODULES} | {"example_dags"}
    return {name for name in names if name in parts}


def foreign(source):
    """The top-level names of all that is neither the package nor Python's own."""
    tops = {name.split(".")[0] for name in imports_of(source)}
    return tops - {NAME} - sys.stdlib_module_names


def allowed(part):
    if part in APART:
        return APART[part]
    (level,) = (number for number, parts in enumerate(LEVELS) if part in parts)
    return set().union(*LEVELS[:level], {part})


def modules_of(*parts):
    return sorted(module for module in MODULES if part_of(module) in parts)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import httpx, json", {"httpx", "json"}),
        ("import airflow.sdk as sdk", {"airflow.sdk"}),
        ("def f():\n    from airflow_provider_groq.hooks.groq import GroqHook", {f"{NAME}.hooks.groq"}),
        ("if TYPE_CHECKING:\n    from airflow_provider_groq import hooks", {f"{NAME}.hooks"}),
    ],
)
def test_an_import_is_found_wherever_it_stands(source, found):
    assert set(imports_of(source)) == found


def test_the_parts_of_the_package_are_told_from_what_is_imported_from_it():
    source = f"import {NAME}\nfrom {NAME} import __version__, hooks\nimport {NAME}.api.calls\nimport {NAME}_other"
    assert own_parts(source) == {"hooks", "api"}
    assert foreign(source) == {f"{NAME}_other"}


def test_every_part_has_its_place():
    assert {part_of(module) for module in MODULES} <= set().union(*LEVELS, APART)
    assert {"api", "batches", "hooks", "triggers", "sensors", "operators", "emulator"} <= {*map(part_of, MODULES)}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_imports_only_from_its_left(module):
    assert own_parts(MODULES[module]) <= allowed(part_of(module))


@pytest.mark.parametrize("module", sorted(MODULES))
def test_only_api_and_the_emulator_speak_http(module):
    found = {name for name in imports_of(MODULES[module]) if name in HTTP or name.split(".")[0] in HTTP}
    speaks = part_of(module) in {"api", "emulator", "demo"}
    assert speaks or not found
    assert part_of(module) == "api" or "httpx" not in found


@pytest.mark.parametrize("module", modules_of(*THIRD_PARTY))
def test_what_knows_no_airflow_imports_none(module):
    assert foreign(MODULES[module]) <= THIRD_PARTY[part_of(module)]


@pytest.mark.parametrize("module", modules_of("emulator"))
def test_the_emulator_runs_on_what_airflow_brings_without_airflow(module):
    assert foreign(MODULES[module]) <= {"starlette", "uvicorn", "python_multipart", "msgspec"}


DAG = f"""
import sys
from airflow.sdk import DAG
before = set(sys.modules)
from {NAME}.answers import read_answers
from {NAME}.operators import batch
from {NAME}.sensors.batch import GroqBatchSensor
with DAG("dag"):
    made = batch.GroqCreateBatchOperator(task_id="create", requests=[{{"custom_id": "a"}}], timeout=5)
    batch.GroqDownloadBatchResultsOperator(task_id="download", batch_id=made.output, output_path="/tmp")
    batch.GroqCancelBatchOperator(task_id="cancel", batch_id=made.output)
    GroqBatchSensor(task_id="wait", batch_id=made.output)
print(*set(sys.modules) - before)
"""


def test_a_dag_file_loads_the_classes_and_not_what_works_for_them():
    """It is parsed over and over. What talks to Groq or reads JSON is imported when the task runs."""
    done = subprocess.run([sys.executable, "-c", DAG], stdout=subprocess.PIPE, text=True, check=True)
    names = (name.removeprefix(f"{NAME}.").replace(".", "/") for name in done.stdout.split())
    loaded = {name for name in names if name in MODULES}
    assert {"operators/batch", "sensors/batch"} <= loaded
    assert not {part_of(name) for name in loaded} & {"api", "triggers", "emulator"}
    assert not {name: needs for name in loaded if (needs := foreign(MODULES[name]) - {"airflow", "asgiref", "msgspec"})}


WATCHER = f"""
import sys
from airflow.sdk import Asset, AssetWatcher
from airflow.triggers.base import BaseEventTrigger
before = set(sys.modules)
from {NAME}.triggers.batch import GroqBatchEventTrigger
Asset("ended", watchers=[AssetWatcher(name="watcher", trigger=GroqBatchEventTrigger(metadata={{"a": "b"}}))])
print(*set(sys.modules) - before)
"""


def test_a_dag_file_with_a_watcher_loads_little():
    done = subprocess.run([sys.executable, "-c", WATCHER], stdout=subprocess.PIPE, text=True, check=True)
    names = (name.removeprefix(f"{NAME}.").replace(".", "/") for name in done.stdout.split())
    loaded = {name for name in names if name in MODULES}
    assert "triggers/events" in loaded
    assert not {part_of(name) for name in loaded} & {"api", "jobs", "emulator"}
    assert not {name: needs for name in loaded if (needs := foreign(MODULES[name]) - {"airflow"})}


def test_one_module_imports_common_ai_and_nothing_imports_what_needs_it():
    """The package does not need it. Airflow loads the adapter by its entry point."""
    importing = {module for module in MODULES if any(".common.ai" in name for name in imports_of(MODULES[module]))}
    assert importing == {"common_ai/contract"}
    assert {part_of(module) for module in MODULES if "common_ai" in own_parts(MODULES[module])} == {"common_ai"}


def test_no_module_is_called_utils():
    names = {name for module in MODULES for name in module.split("/")}
    assert not names & {"utils", "util", "helpers", "common", "misc"}


@pytest.mark.parametrize("folder", FOLDERS_OF_JOBS)
def test_the_folders_of_jobs_import_one_way(folder):
    after = {f"{NAME}.jobs.{name}" for name in FOLDERS_OF_JOBS[FOLDERS_OF_JOBS.index(folder) + 1 :]}
    modules = [source for name, source in MODULES.items() if name.startswith(f"jobs/{folder}/")]
    assert len(modules) > 1
    for source in modules:
        assert not {".".join(name.split(".")[:3]) for name in imports_of(source)} & after


def test_jobs_has_no_other_folders():
    folders = {path.parent.name for path in (ROOT / "jobs").glob("*/*.py")}
    assert folders == set(FOLDERS_OF_JOBS)


def test_no_file_of_the_tests_hides_a_folder_of_them():
    """Airflow adds a Dag folder to `sys.path`, where a module `jobs` hides the folder `jobs`, which is no package."""
    tests = Path(__file__).parent
    folders = {path.name for path in tests.iterdir() if path.is_dir()}
    assert not [path for path in tests.rglob("*.py") if path.stem in folders]
