"""The package does not need common-ai; who wants the adapter without it is told what to install."""

import os
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

GROUP = "airflow.providers.common.ai.batch_adapters"

LOAD = """
import sys
from importlib import metadata
sys.modules["airflow.providers.common.ai.batch"] = None
(entry,) = metadata.entry_points(group="airflow.providers.common.ai.batch_adapters", name="groq")
"""
INSTALLED = """
version = metadata.version
def changed(name):
    if name != "apache-airflow-providers-common-ai":
        return version(name)
    {}
metadata.version = changed
"""
TOO_OLD = INSTALLED.format("return '0.9.0'")
ABSENT = INSTALLED.format("raise metadata.PackageNotFoundError(name)")


@pytest.mark.parametrize(
    ("how", "says"), [(TOO_OLD, "0.9.0 is installed"), (ABSENT, "it is not installed")], ids=["too old", "absent"]
)
def test_too_old_or_absent_says_what_to_install(how, says):
    """In a process in which common-ai has no batches."""
    code = f"{LOAD}{how}\nentry.load()"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    said = done.stderr.splitlines()[-1]
    assert said.startswith("ImportError: GroqBatchAdapter needs apache-airflow-providers-common-ai 0.10 or later")
    assert says in said
    assert "pip install 'airflow-provider-groq[common-ai]'" in said


def test_the_entry_point_names_the_adapter():
    (entry,) = entry_points(group=GROUP, name="groq")
    assert entry.value == "airflow_provider_groq.common_ai.adapter:GroqBatchAdapter"
