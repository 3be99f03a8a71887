"""A server that means harm: it gets no file written elsewhere, and no key out."""

import json
import logging
import os
import subprocess
import uuid
from contextlib import suppress

import pytest
from airflows import since

from airflow_provider_groq.exceptions import GroqError
from airflow_provider_groq.operators.batch import GroqCreateBatchOperator, GroqDownloadBatchResultsOperator

NAMES = [
    "../../../outside",
    "/tmp/outside",  # noqa: S108 - a name, not a file
    "..\\outside",
    "a/b/c",
    "~/outside",
    "$(touch outside)",
    "file:///outside",
    "output.jsonl/../../x",
    "%2e%2e%2foutside",
]
UNPRINTABLE = ["a\0b", "a\nb", "\u202eoutside", "\x1b[2J"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, with one for results in it."""
    folder = tmp_path / "work" / "results"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder.parent)
    return folder


def everything(path):
    return sorted(str(below.relative_to(path)) for below in path.rglob("*"))


def row(custom_id):
    return json.dumps({"custom_id": custom_id, "response": {"status_code": 200, "body": {"a": 1}}})


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", NAMES)
def test_no_name_of_a_server_is_a_path(groq_emulator, context, tmp_path, folder, name):
    """Not a batch's, a file's, or a request's."""
    batch = {"id": name, "status": "completed", "created_at": 1, "output_file_id": name, "error_file_id": name}
    groq_emulator.fault("/batches/**", json=batch, times=None)
    groq_emulator.fault("/files/**", body="\n".join(map(row, [*NAMES, *UNPRINTABLE])), times=None)
    operator = GroqDownloadBatchResultsOperator(task_id="create", batch_id=name, output_path=str(folder))
    manifest = operator.execute(context)
    assert everything(tmp_path) == ["work", "work/results", "work/results/errors.jsonl", "work/results/output.jsonl"]
    assert manifest["batch_id"] == name
    assert manifest["requests"]["succeeded"] == len(NAMES + UNPRINTABLE)
    for request in groq_emulator.requests():
        assert request.path.startswith(("/openai/v1/batches/", "/openai/v1/files/"))


@pytest.mark.usefixtures("quick_retries", "quick")
@pytest.mark.parametrize("name", UNPRINTABLE)
def test_a_name_that_cannot_be_printed_is_refused(groq_emulator, context, tmp_path, folder, name):
    batch = {"id": name, "status": "completed", "created_at": 1}
    groq_emulator.fault("/batches/**", json=batch, times=None)
    operator = GroqDownloadBatchResultsOperator(task_id="create", batch_id="batch_1", output_path=str(folder))
    with pytest.raises(Exception, match="id: Value error, has characters that cannot be printed"):
        operator.execute(context)
    assert everything(tmp_path) == ["work", "work/results"]


@pytest.mark.usefixtures("quick_retries", "quick")
@pytest.mark.parametrize("name", UNPRINTABLE)
def test_a_file_whose_name_cannot_be_printed_is_not_asked_for(groq_emulator, context, tmp_path, folder, name, caplog):
    batch = {"id": "batch_1", "status": "completed", "created_at": 1, "output_file_id": name, "error_file_id": name}
    groq_emulator.fault("/batches/**", json=batch, times=None)
    operator = GroqDownloadBatchResultsOperator(task_id="create", batch_id="batch_1", output_path=str(folder))
    with suppress(GroqError):
        operator.execute(context)
    assert everything(tmp_path) == ["work", "work/results"]
    assert not groq_emulator.requests(path="/files")
    assert name not in caplog.text


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", NAMES + UNPRINTABLE)
def test_a_filename_in_the_answer_to_an_upload_is_no_path(groq_emulator, create, context, tmp_path, folder, name):
    groq_emulator.fault("/files", method="POST", merge={"filename": name})
    create(wait_for_completion=False).execute(context)
    assert everything(tmp_path) == ["work", "work/results"]
    assert len(groq_emulator.batches()) == 1


@pytest.mark.usefixtures("quick_retries", "quick")
@pytest.mark.parametrize("name", UNPRINTABLE)
def test_an_upload_whose_id_cannot_be_printed_makes_no_batch(groq_emulator, create, context, name):
    groq_emulator.fault("/files", method="POST", merge={"id": name}, times=None)
    with pytest.raises(Exception, match="id: Value error, has characters that cannot be printed"):
        create(wait_for_completion=False).execute(context)
    assert not groq_emulator.batches()


ECHOES = [
    {"status": 401, "json": {"error": {"message": "Bad key KEY", "type": "KEY", "code": "KEY"}}},
    {"status": 502, "body": "<html>Authorization: Bearer KEY</html>", "content_type": "text/html; KEY"},
    {"status": 302, "headers": {"Location": "https://proxy.example/?key=KEY"}},
    {"status": 302, "headers": {"Location": "http://x:KEY"}},
    {"body": "Authorization: Bearer KEY"},
    {"drop": "before"},
]


@pytest.fixture
def key(groq_emulator, monkeypatch):
    """A key that stands in no source, and so in no file of Airflow's unless it got there."""
    key = f"gsk_{uuid.uuid4().hex}"
    connection = json.loads(groq_emulator.connection_json) | {"password": key}
    monkeypatch.setenv("AIRFLOW_CONN_GROQ_DEFAULT", json.dumps(connection))
    return key


@since(3, 1, "dag.test() that does not itself log what it is to mask")
@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize(("path", "echo"), [*(("/files", echo) for echo in ECHOES), ("/batches", ECHOES[1])], ids=str)
def test_the_key_is_in_no_log_and_not_in_airflows_database(run_dag, groq_emulator, key, caplog, echo, path):
    caplog.set_level(logging.INFO)
    groq_emulator.fault(path, method="POST", times=None, **json.loads(json.dumps(echo).replace("KEY", key)))
    ran = run_dag("inline")
    assert ran.state == "failed"
    assert "Groq" in ran.log
    assert key not in ran.log
    assert key not in "\n".join(record.getMessage() + str(record.exc_text) for record in caplog.records)
    assert holding(key) == []


def holding(text, *folders):
    """The files of Airflow, which are its database and logs, and of other folders that hold a text.

    Another process reads them: this one would take SQLite's locks of its database back as it closes the file.
    """
    command = ["grep", "-rlaF", "-e", text, os.environ["AIRFLOW_HOME"], *folders]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stderr
    return done.stdout.splitlines()


@since(3, 1, "dag.test() that does not itself log what it is to mask")
def test_the_key_is_nowhere_after_a_run_that_went_well(run_dag, groq_emulator, key, tmp_path):
    groq_emulator.set(seconds=0.2)
    ran = run_dag("expanded_chain", output_path=str(tmp_path))
    assert ran.state == "success"
    assert key not in ran.log
    assert any("airflow.db" in name for name in holding("expanded_chain"))
    assert holding(key, tmp_path) == []


def test_the_key_is_not_in_what_airflow_shows_of_a_task(key):
    for operator in (
        GroqCreateBatchOperator(task_id="a", input_file_id="file_1"),
        GroqDownloadBatchResultsOperator(task_id="b", batch_id="batch_1", output_path="x"),
    ):
        assert key not in repr(vars(operator))
