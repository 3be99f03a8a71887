"""How Airflow loads the page, what that costs the processes of tasks, and where it is left out."""

import subprocess
import sys

import httpx
import pytest
from airflows import since

from airflow_provider_groq.ui.plugin import GroqPlugin

TASK = """
import sys
from time import perf_counter
import airflow.sdk.execution_time.task_runner
try:
    from airflow.sdk import plugins_manager
except ImportError:
    from airflow import plugins_manager

def load():
    from airflow_provider_groq.ui.plugin import GroqPlugin
    plugin = GroqPlugin()
    plugin.on_load()
    return plugin.macros, plugin.listeners

before = set(sys.modules)
times = []
for _ in range(20):
    for name in [name for name in sys.modules if name.startswith("airflow_provider_groq")]:
        del sys.modules[name]
    began = perf_counter()
    load()
    times.append(perf_counter() - began)
print(min(times) * 1000, *sorted(set(sys.modules) - before))
"""


def test_a_task_pays_no_millisecond_for_the_page_and_loads_no_module_for_it():
    done = subprocess.run([sys.executable, "-c", TASK], stdout=subprocess.PIPE, text=True, check=True)
    milliseconds, *modules = done.stdout.splitlines()[-1].split()
    assert set(modules) <= {"airflow_provider_groq", "airflow_provider_groq.ui", "airflow_provider_groq.ui.plugin"}
    assert "airflow_provider_groq.ui.plugin" in modules
    assert float(milliseconds) < 1.0


@since(3, 2, "this function of Airflow's")
def test_airflow_finds_the_page_by_its_entry_point():
    from airflow.sdk._shared.plugins_manager.plugins_manager import _load_entrypoint_plugins

    plugins, errors = _load_entrypoint_plugins()
    (ours,) = [plugin for plugin in plugins if plugin.name == "groq_batches"]
    assert "entry_point" in str(ours.source) or "airflow-provider-groq" in str(ours.source)
    assert not [name for name in errors if "groq" in name]


@pytest.fixture
def loaded(monkeypatch):
    """What the plugin registers at an Airflow that has a base path."""
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.test/data/airflow")
    plugin = GroqPlugin()
    return plugin.fastapi_apps, plugin.react_apps


async def test_the_page_is_an_entry_of_the_menu_whose_files_are_served_under_the_base_path(loaded):
    from fastapi import FastAPI

    (app,), (page,) = loaded
    assert (page["destination"], page["category"]) == ("nav", "browse")
    assert page["bundle_url"] == "/data/airflow/groq/static/batches.js"
    airflow = FastAPI(root_path="/data/airflow")
    airflow.mount(app["url_prefix"], app["app"])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(airflow), base_url="https://airflow.test") as client:
        for address in (page["bundle_url"], page["icon"], page["icon_dark_mode"]):
            answer = await client.get(address)
            assert answer.status_code == 200
            assert answer.headers["Cache-Control"] == "no-cache"
        script = await client.get(page["bundle_url"])
        assert "javascript" in script.headers["Content-Type"]


@pytest.mark.parametrize(("version", "there"), [("3.0.6", False), ("3.1.0", False), ("3.1.1", True), ("3.3.2", True)])
def test_before_airflow_3_1_1_there_is_no_page(monkeypatch, version, there):
    import airflow

    monkeypatch.setattr(airflow, "__version__", version)
    plugin = GroqPlugin()
    assert bool(plugin.fastapi_apps) == bool(plugin.react_apps) == there


def test_an_application_that_cannot_be_made_leaves_airflow_alone(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "airflow_provider_groq.ui.app", None)  # as where it cannot be imported
    plugin = GroqPlugin()
    assert plugin.fastapi_apps == plugin.react_apps == []
    assert "'Groq batches' was not added" in caplog.text
