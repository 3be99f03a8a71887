"""The pages on the emulator, done by the letter: files in their own folder, tests on their own Airflow."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = (DOCS / "how-to" / "test-your-dags.md").read_text(encoding="utf-8")
REFERENCE = (DOCS / "reference" / "emulator.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"```\{code-block\} \w+\n:caption: (\S+)\n\n(.*?)```", GUIDE, re.DOTALL))
ENOUGH_TO_MASK = 5
"""Airflow's `[logging] min_length_masked_secret`; of a shorter key it warns."""


def between(heading, next_heading):
    """The part of the reference from a heading to a later one."""
    return REFERENCE[REFERENCE.index(heading) : REFERENCE.index(next_heading)]


@pytest.fixture
def folder(tmp_path):
    """The files of the guide; what pytest-asyncio alone wants to be told stands in pytest.ini."""
    for name, content in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    return tmp_path


@pytest.fixture
def environment(tmp_path):
    """A new user's: nothing of Airflow, nothing of the tests that run this one; the homes are removed with the rest."""
    ours = ("AIRFLOW_", "PYTEST_")
    (tmp_path / "tmp").mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {"TMPDIR": str(tmp_path / "tmp"), "NO_COLOR": "1"}


@pytest.mark.system
def test_the_tests_of_the_guide_pass(folder, environment):
    names = {name for name in FILES if name.startswith("test_")}
    assert names == {
        f"test_{what}.py" for what in ("answers", "clock", "countries", "deadlines", "failures", "waiting")
    }
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rA"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    tests = len(re.findall(r"^def test_", "".join(FILES[name] for name in names), re.MULTILINE))
    assert len(set(re.findall(r"^PASSED \S+::(\w+)", output, re.MULTILINE))) == tests
    assert "Pausing task as DEFERRED" in output, "the Dag that waits has deferred"
    assert "too short" not in output


def test_the_emulator_starts_from_python(folder, environment):
    command = [sys.executable, "start.py"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    url, connection = done.stdout.strip().split(" ", 1)
    assert json.loads(connection)["host"] == url


def test_the_command_by_hand_works_with_its_file_of_answers(folder, environment):
    (line,) = re.findall(r"^python -m airflow_provider_groq.emulator .*$", GUIDE, re.MULTILINE)
    _, *arguments = shlex.split(line.replace("8123", "0"))
    with subprocess.Popen(
        [sys.executable, *arguments], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            url = process.stdout.readline().split()[-1]
            settings = httpx.get(f"{url}/_emulator/settings", trust_env=False).json()
        finally:
            process.terminate()
    assert (settings["seconds"], settings["speed"]) == (3600, 60)
    assert settings["answers"] == json.loads(FILES["answers.json"])


@pytest.mark.parametrize("path", sorted(DOCS.rglob("*.md")), ids=lambda path: path.name)
def test_no_example_has_a_key_that_airflow_warns_of(path):
    text = path.read_text(encoding="utf-8")
    keys = re.findall(r'"password": "([^"]*)"', text) + re.findall(r"groq://:([^@]*)@", text)
    assert [key for key in keys if len(key) < ENOUGH_TO_MASK] == []


def test_the_reference_has_each_setting():
    from airflow_provider_groq.emulator.settings import Settings

    named = set(re.findall(r"^\| `(\w+)` \|", between("## Settings", "## Answers"), re.MULTILINE))
    assert named == set(Settings().as_dict())


def test_the_reference_has_each_error_code():
    from airflow_provider_groq.emulator.failures import BY_CODE

    table = between("## Failures", "## Time")
    assert [code for code in BY_CODE if f'`"{code}"`' not in table] == []
