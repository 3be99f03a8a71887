"""What Airflow makes of the package's metadata, asked through its own commands."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from airflows import VERSION, since

import airflow_provider_groq
from airflow_provider_groq.provider_info import get_provider_info


def airflow(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "airflow", *arguments],
        env=os.environ | {"AIRFLOW__CORE__TEST_CONNECTION": "Enabled"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def listed(*arguments):
    done = airflow(*arguments, "--output", "json")
    assert not done.returncode, done.stderr
    return json.loads(done.stdout[done.stdout.index("[") :])


@pytest.mark.usefixtures("airflow_database")
class TestCommands:
    def test_providers_list(self):
        (ours,) = [row for row in listed("providers", "list") if row["package_name"] == "airflow-provider-groq"]
        assert ours["version"] == airflow_provider_groq.__version__

    def test_providers_hooks(self):
        (ours,) = [row for row in listed("providers", "hooks") if row["connection_type"] == "groq"]
        assert ours["class"] == "airflow_provider_groq.hooks.groq.GroqHook"
        assert ours["conn_id_attribute_name"] == "groq_conn_id"
        assert ours["hook_name"] == "Groq"

    def test_providers_links(self):
        assert "airflow_provider_groq.links.batch.GroqBatchLink" in str(listed("providers", "links"))

    @pytest.mark.usefixtures("groq_emulator")
    def test_connections_test(self):
        done = airflow("connections", "test", "groq_default")
        assert "Connection success" in done.stdout, done.stdout + done.stderr

    def test_connections_test_says_what_is_wrong(self, groq_emulator):
        bad = json.dumps({"conn_type": "groq", "host": groq_emulator.url})
        done = airflow("connections", "test", "groq_default", AIRFLOW_CONN_GROQ_DEFAULT=bad)
        assert done.returncode or VERSION < (3, 3)
        assert "There is no API key" in done.stdout + done.stderr


def test_metadata_follows_airflows_schema():
    import airflow

    schema = json.loads((Path(airflow.__file__).parent / "provider_info.schema.json").read_text())
    jsonschema.validate(get_provider_info(), schema)


def test_every_module_that_is_named_is_there():
    info = get_provider_info()
    for kind in ("hooks", "operators", "sensors", "triggers"):
        for entry in info[kind]:
            for module in entry["python-modules"]:
                importlib.import_module(module)


def test_the_form_is_the_same_below_airflow_3_2():
    """Older Airflows ask the hook, with underscores in the names."""
    from airflow_provider_groq.hooks.groq import GroqHook

    (connection,) = get_provider_info()["connection-types"]
    behaviour = {key.replace("-", "_"): value for key, value in connection["ui-field-behaviour"].items()}
    assert GroqHook.get_ui_field_behaviour() == behaviour


def test_metadata_imports_nothing_heavy():
    """Every Airflow process reads it."""
    code = "import sys, airflow_provider_groq.provider_info; print(*{m.partition('.')[0] for m in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"airflow", "httpx", "pydantic", "starlette", "tenacity"} & set(loaded)


@since(3, 1, "an SDK that does not load SQLAlchemy's parts late")
def test_operators_import_no_third_party_module_that_airflow_has_not():
    """A Dag's file is parsed over and over."""
    code = """
import sys, airflow.sdk
from airflow.sdk import DAG
before = set(sys.modules)
import airflow_provider_groq.operators.batch, airflow_provider_groq.sensors.batch
known = {*sys.stdlib_module_names, "airflow", "airflow_provider_groq"}
print(*(m for m in set(sys.modules) - before if m.partition(".")[0] not in known))
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""


@pytest.mark.parametrize("default", [True, False])
def test_deferring_follows_airflows_own_default(default):
    code = """
from airflow_provider_groq.operators.batch import GroqCancelBatchOperator, GroqCreateBatchOperator
from airflow_provider_groq.sensors.batch import GroqBatchSensor
made = (
    GroqCreateBatchOperator(task_id="a", input_file_id="f"),
    GroqCancelBatchOperator(task_id="b", batch_id="b"),
    GroqBatchSensor(task_id="c", batch_id="b"),
)
print(*{task.deferrable for task in made})
"""
    environment = os.environ | {"AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE": str(default)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1:] == [str(default)]
