"""docs/tutorial.md, done by the letter on the whole of Airflow (``airflow standalone``): its files, commands, outputs.

Two things are not as on the page: ports and folder are this test's own, and nothing is installed. What a command prints
and what the log of a task says must be what the page shows, but for times and ids.
"""

import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass

import pytest
from docs.pages import DOCS, page
from docs.shell_blocks import commands
from system.rest import await_that

from airflow_provider_groq.demo.home import Home, Standalone, free_port, stop_session

pytestmark = pytest.mark.system

PAGE = page(DOCS / "tutorial.md")
FOLDER = "/tmp/groq-tutorial"  # noqa: S108 - as the page has it
PORT = "8123"
LOG = re.compile(r"log of (\w+) in the run (\w+), try (\d)")
INSTALLS = {"mkdir", "cd", "python3", ".", "pip"}
STARTS = (["airflow", "standalone"], ["python", "-m", "airflow_provider_groq.emulator"])
"""What goes on in a terminal of its own; the fixtures start it."""
VARYING = (
    (r"\d+\.\d s\b", "… s"),
    (r", [\d,]+ a minute", ""),  # it is left out where the first poll finds the end
    (r"(file|batch)_\w{10,}", r"\1_…"),
    (r"_groq_[0-9a-f]{12}", "_groq_…"),
)


@dataclass
class Place:
    """Where this test does what the page says."""

    home: Home
    port: int
    environment: dict

    @property
    def folder(self):
        return self.home.path

    def here(self, text):
        """A text of the page, for this folder and this port."""
        return text.replace(FOLDER, str(self.folder)).replace(PORT, str(self.port))

    def run(self, command):
        done = subprocess.run(
            ["bash", "-e", "-c", self.here(command)],  # noqa: S607
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def no_run_goes_on(self):
        """Whether all runs have ended, which one waits for before the next command."""
        with closing(sqlite3.connect(self.folder / "airflow.db", timeout=30)) as database:
            states = database.execute("SELECT state FROM dag_run").fetchall()
        return {state for (state,) in states} <= {"success", "failed"}

    def log(self, task_id, run_id, try_number):
        """The lines of a try's log, once it has ended; an error as Airflow shows it."""
        path = self.folder / "logs" / "dag_id=reviews" / f"run_id={run_id}" / f"task_id={task_id}"
        path /= f"attempt={try_number}.log"

        def ended():
            text = path.read_text(encoding="utf-8") if path.exists() else ""
            return text if "Task failed with exception" in text or '"Pushing xcom"' in text else ""

        text = await_that(ended, f"{task_id} of {run_id}, try {try_number}, has ended")
        entries = [json.loads(line) for line in text.splitlines() if line.startswith("{") and line.endswith("}")]
        errors = [error for entry in entries for error in entry.get("error_detail") or ()]
        return [entry["event"] for entry in entries] + [f"{e['exc_type']}: {e['exc_value']}" for e in errors]


def steady(text):
    """A text without what differs from run to run."""
    for pattern, instead in VARYING:
        text = re.sub(pattern, instead, text)
    return text.strip()


def connection():
    (value,) = re.findall(r"AIRFLOW_CONN_GROQ_DEFAULT='(.*)'", PAGE.text)
    return value


@pytest.fixture
def place(tmp_path):
    """A folder with the files of the page, and a home of Airflow in it."""
    port = free_port()
    home = Home(tmp_path, connection().replace(PORT, str(port)), tmp_path / "dags")
    ours = Place(home, port, home.environment())
    for block in PAGE.blocks():
        if block.language == "python":
            path = tmp_path / block.caption
            path.parent.mkdir(exist_ok=True)
            path.write_text(ours.here(block.text), encoding="utf-8")
    return ours


@pytest.fixture
def emulator(place):
    """The emulator, as the page starts it."""
    (words,) = (words for block in PAGE.blocks() for words in commands(block.text) if words[:3] == STARTS[1])
    command = [sys.executable, *map(place.here, words[1:])]
    with (
        (place.folder / "emulator.out").open("wb") as log,
        subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True) as process,
    ):
        yield
        stop_session(process)


@pytest.fixture
def airflow(place, emulator):
    """The whole of Airflow, and the environment in which commands reach it."""
    with (place.folder / "standalone.out").open("wb") as log, Standalone(place.home, log) as standalone:
        place.environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] = f"{standalone.url}/execution/"
        yield


def steps():
    """What the page has one do, each with what it shows of it, up to the tests of the Dag."""
    shown = None
    for block in PAGE.blocks():
        if block.caption == "conftest.py":
            return
        if block.language == "shell" and not block.caption:
            first = next(commands(block.text))
            if first[0] not in INSTALLS and first[:3] not in STARTS and first not in STARTS:
                shown = block
                yield block, None
        elif block.language == "text":
            yield shown, block


def test_the_page_does_what_it_says_and_shows_what_happens(place, airflow):
    output = ""
    for command, shown in steps():
        if shown is None:
            await_that(place.no_run_goes_on, "the run has ended")
            output = place.run(command.text)
        elif log := LOG.fullmatch(shown.caption):
            lines = iter([steady(line) for line in place.log(*log.groups())])
            for line in map(steady, place.here(shown.text).splitlines()):
                assert line in lines, f"{shown.where}: {line}"  # each after the one before
        else:
            assert steady(output) == steady(shown.text), shown.where


def test_the_tests_of_the_page_pass(place):
    (command,) = re.findall(r"^python -m pytest.*$", PAGE.text, re.MULTILINE)
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW_", "PYTEST_"))}
    (place.folder / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    done = subprocess.run(
        [sys.executable, *command.split()[1:], "-p", "no:cacheprovider"],
        cwd=place.folder,
        env=ours | {"NO_COLOR": "1", "TMPDIR": str(place.folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    tests = [block for block in PAGE.blocks() if block.caption.startswith("test_")]
    assert f"{sum(block.text.count('def test_') for block in tests)} passed" in done.stdout
