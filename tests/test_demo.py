"""`make demo`, as a newcomer sees it."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from system.rest import await_that

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]


@pytest.fixture(autouse=True)
def interruptible():
    """What is started here inherits no SIG_IGN, with which a shell runs what it puts into the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def start(folder):
    environment = {key: value for key, value in os.environ.items() if key != "GROQ_API_KEY"}
    return subprocess.Popen(
        [sys.executable, "-m", "airflow_provider_groq.demo", "--folder", folder],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        bufsize=1,
    )


def left_over(folder):
    """Processes that were started for this folder, and still run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if str(folder).encode() in path.read_bytes():
                found.append(path.parent.name)
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


def test_ends_with_a_table_of_answers_and_their_path(tmp_path):
    folder = tmp_path / "a folder with spaces"
    with start(folder) as demo:
        output = demo.communicate(timeout=250)[0]
    assert demo.returncode == 0, output
    assert "The task is deferred" in output
    assert re.search(r"in_progress, \d+ of \d+ requests done", output)
    assert re.search(r"category +packages +for example\n(.+ +\d+ +.+\n){3,}", output)
    assert Path(re.search(r"The answers: (.+)", output)[1]).is_file()
    assert left_over(folder) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_leaves_nothing_running_when_stopped(tmp_path, number):
    folder = tmp_path / "demo"
    with start(folder) as demo:
        assert next(line for line in demo.stdout if "Created batch" in line)
        demo.send_signal(number)
        output = demo.communicate(timeout=60)[0]
    assert demo.returncode != 0
    assert "Traceback" not in output
    await_that(lambda: left_over(folder) == [], "all processes have ended", 30)
