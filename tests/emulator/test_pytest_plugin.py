"""The fixtures, as a user's own tests have them."""

import json
import os
import subprocess
import sys

import pytest

USERS_TESTS = """
import json, os
import pytest

SEEN = []

@pytest.mark.parametrize("number", range(4))
def test_each_test_finds_nothing_of_the_others(groq_emulator, number):
    assert groq_emulator.settings()["seconds"] == 20
    assert groq_emulator.now() < 1e11
    assert groq_emulator.faults() == []
    SEEN.append(groq_emulator.url)
    assert len(set(SEEN)) == 1
    connection = json.loads(os.environ["AIRFLOW_CONN_GROQ_DEFAULT"])
    assert connection["host"] == groq_emulator.url
    groq_emulator.set(seconds=1)
    groq_emulator.advance(1e12)
    groq_emulator.fault(status=500, times=None)

def test_without_it_there_is_no_connection():
    assert "AIRFLOW_CONN_GROQ_DEFAULT" not in os.environ
"""


@pytest.fixture
def users_tests(tmp_path):
    (tmp_path / "test_dags.py").write_text(USERS_TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")

    def run(*arguments):
        command = [sys.executable, "-W", "error", "-m", "pytest", "-W", "error", "-q", "-p", "no:cacheprovider"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        environment.pop("AIRFLOW_CONN_GROQ_DEFAULT", None)
        return subprocess.run(
            [*command, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )

    return run


@pytest.mark.parametrize("seed", [1, 2])
def test_users_tests_pass_in_any_order(users_tests, seed):
    done = users_tests(f"--randomly-seed={seed}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout


def test_the_plugin_costs_nothing_where_it_is_not_used():
    code = "import sys, airflow_provider_groq.pytest_plugin; print([m for m in sys.modules if m in {names}])"
    names = {"starlette", "uvicorn", "httpx", "airflow", "airflow_provider_groq.emulator"}
    done = subprocess.run([sys.executable, "-c", code.format(names=names)], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_connection_leads_to_the_emulator(groq_emulator):
    assert json.loads(os.environ["AIRFLOW_CONN_GROQ_DEFAULT"])["host"] == groq_emulator.url
