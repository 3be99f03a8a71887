"""A disk that is full: the job says so, sends nothing that it has not kept, loses nothing, and goes on with space."""

import json
import tempfile

import pytest
from operators.conftest import SMALL, texts

from airflow_provider_groq.exceptions import GroqStorageError

FULL = r"No space left on device"


@pytest.fixture
def large(disk):
    """Gives the disk space again."""
    return lambda: disk.mount("8m")


def paid(job):
    """Each request that was sent and answered."""
    return sum(batch["request_counts"]["completed"] for batch in job.emulator.batches())


def test_while_rows_are_spooled_nothing_is_sent_and_a_retry_sends_them(job, disk, large):
    job.output = disk.path / "answers"
    rows = [{"custom_id": f"row-{number}", "text": 100 * "long "} for number in range(500)]
    options = {"rows": rows, "shard_size": 200, "delete_files": False}
    with pytest.raises(GroqStorageError, match=f"work_path {job.output}.*{FULL}"):
        job.run(**options)
    assert job.emulator.requests("POST") == []
    assert not [*job.output.rglob("*.jsonl")], "what there is of them would keep the disk full"
    large()
    assert job.run(**options)["rows"]["succeeded"] == 500
    assert paid(job) == 500


def test_while_answers_are_kept_none_is_lost_and_a_retry_keeps_them(job, disk, large):
    job.emulator.set(answer_chars=20_000)
    job.output = disk.path / "answers"
    with pytest.raises(GroqStorageError, match=f"work_path {job.output}.*{FULL}"):
        job.run(delete_files=False)
    large()
    assert job.run(delete_files=False)["rows"]["succeeded"] == 8
    assert {len(answer["output"]) >= 20_000 for answer in job.answers()} == {True}
    assert paid(job) == 8


def test_while_results_are_downloaded_the_folder_for_temporary_files_is_named(job, disk, large, monkeypatch):
    job.emulator.set(answer_chars=30_000)
    monkeypatch.setattr(tempfile, "tempdir", str(disk.path))
    with pytest.raises(GroqStorageError, match=f"folder for temporary files {disk.path}: .*{FULL}"):
        job.run(delete_files=False)
    large()
    assert job.run(delete_files=False)["rows"]["succeeded"] == 8
    assert paid(job) == 8


def test_where_there_is_no_folder_for_temporary_files_that_is_said_and_a_retry_lands_what_is_paid(
    job, disk, large, monkeypatch
):
    """Python looks for one when it first needs one, and finds none where all of them are full."""
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(disk.path)])
    monkeypatch.setattr(tempfile, "tempdir", None)
    for options in ({"dry_run": True}, {}):
        with disk.full(), pytest.raises(GroqStorageError, match=r"temporary file .*No usable temp.* directory.*TMPDIR"):
            job.run(delete_files=False, **options)
    assert job.run(delete_files=False)["rows"]["succeeded"] == 8
    assert paid(job) == 8


@pytest.mark.parametrize("count", [1, 500])
@pytest.mark.parametrize("kind", ["requests", "input_path"])
def test_while_a_create_task_checks_its_requests_the_temporary_file_is_named_and_nothing_is_sent(
    create, context, groq_emulator, disk, tmp_path, monkeypatch, kind, count
):
    """Whether they fill the disk when they are written, or when the last of them is."""
    rows = [
        {
            "custom_id": f"row-{number}",
            "body": {"model": SMALL, "messages": [{"role": "user", "content": 100 * "long "}]},
        }
        for number in range(count)
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row | {"method": "POST", "url": "/v1/chat/completions"}) + "\n" for row in rows))
    given = {"requests": rows} if kind == "requests" else {"requests": None, "input_path": str(path)}
    monkeypatch.setattr(tempfile, "tempdir", str(disk.path))
    groq_emulator.set(seconds=0)
    with disk.full(), pytest.raises(GroqStorageError, match=f"temporary file in which requests are checked .*{FULL}"):
        create(**given).execute(context)
    assert groq_emulator.requests("POST") == []
    disk.mount("8m")
    create(**given).execute(context)


def test_while_answers_are_landed_those_of_before_stay_and_a_retry_lands_the_new_ones(job, disk, tmp_path):
    job.output = disk.path / "answers"
    options = {"delete_files": False, "work_path": str(tmp_path / "work")}
    job.run(**options, rows=texts(2))
    before = job.answers()
    job.clear()
    with disk.full(), pytest.raises(GroqStorageError, match=f"output_path {job.output}.*{FULL}"):
        job.run(**options)
    assert job.answers() == before
    assert {path.name.partition("-")[0] for path in job.output.iterdir() if path.is_file()} == {
        "manifest.json",
        "part",
    }
    assert job.run(**options)["rows"]["succeeded"] == 8
    assert [answer["custom_id"] for answer in job.answers()] == [f"row-{number}" for number in range(8)]
    assert paid(job) == 8
