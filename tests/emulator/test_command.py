"""`python -m airflow_provider_groq.emulator`."""

import json
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import httpx
import pytest

COMMAND = [sys.executable, "-W", "error", "-m", "airflow_provider_groq.emulator"]


@contextmanager
def running(*arguments, **options):
    with subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    ) as process:
        try:
            yield process, process.stdout.readline()
        finally:
            process.terminate()
            process.wait(10)


def test_it_prints_one_line_with_its_address_when_it_is_ready():
    with running() as (process, ready):
        url = re.fullmatch(r"Groq emulator on (http://127\.0\.0\.1:\d+)\n", ready)[1]
        key = {"Authorization": "Bearer any"}
        assert httpx.get(f"{url}/openai/v1/models", headers=key, trust_env=False).status_code == 200
        process.terminate()
        assert process.stdout.read() == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_with_exit_code_0_and_nothing_left(tmp_path, monkeypatch, number):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with running() as (process, ready):
        url = ready.split()[-1]
        with httpx.Client(headers={"Authorization": "Bearer any"}, trust_env=False) as client:
            files = {"file": ("input.jsonl", b"x" * 3_000_000)}
            assert client.post(f"{url}/openai/v1/files", data={"purpose": "batch"}, files=files).status_code == 200
        assert list(tmp_path.iterdir())
        process.send_signal(number)
        assert process.wait(10) == 0
        assert process.stderr.read() == ""
    assert list(tmp_path.iterdir()) == []


def test_its_arguments(tmp_path):
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps({"row-*": {"city": "Köln"}}), encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    arguments = ["--host", "127.0.0.1", "--port", str(port), "--api-key", "gsk_right"]
    arguments += ["--seconds", "7.5", "--speed", "60", "--answers", str(answers)]
    with running(*arguments) as (_, ready):
        assert ready == f"Groq emulator on http://127.0.0.1:{port}\n"
        url = ready.split()[-1]
        wrong = httpx.get(f"{url}/openai/v1/models", headers={"Authorization": "Bearer wrong"}, trust_env=False)
        assert wrong.status_code == 401
        settings = httpx.get(f"{url}/_emulator/settings", trust_env=False).json()
        assert (settings["seconds"], settings["speed"]) == (7.5, 60)
        assert settings["answers"] == {"row-*": {"city": "Köln"}}


def test_a_port_in_use_is_said_plainly():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running("--port", str(port)) as (process, ready):
            assert process.wait(10) == 1
            assert ready == ""
            error = process.stderr.read()
    assert error.startswith(f"cannot listen on 127.0.0.1 port {port}: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--port", "70000"],
        ["--port", "x"],
        ["--seconds", "-1"],
        ["--seconds", "nan"],
        ["--speed", "fast"],
        ["--speed", "-1"],
        ["--answers", "no-such-file.json"],
    ],
)
def test_a_wrong_argument_is_said_plainly(arguments):
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"argument {arguments[0]}" in done.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"row-1": ', "Expecting value"),
        ('["row-1"]', "setting 'answers' must be an object by pattern of custom_id"),
        ('{"row-1": {"$error": "oops"}}', "setting 'answers' for 'row-1' must be $error with a status code"),
    ],
)
def test_a_wrong_file_of_answers_is_said_plainly(tmp_path, content, message):
    (tmp_path / "answers.json").write_text(content)
    command = [*COMMAND, "--answers", str(tmp_path / "answers.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"argument --answers: {message}" in done.stderr
