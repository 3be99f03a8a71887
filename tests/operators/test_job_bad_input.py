"""What users get wrong in a job, or what goes wrong beside it: an error that says what to do, and nothing is paid."""

import ctypes
import json
import os
from itertools import count
from pathlib import Path

import pytest
from airflows import TaskDeferred
from jobs.result_lines import said
from operators.conftest import JobTries, texts

from airflow_provider_groq.compat import AirflowFailException
from airflow_provider_groq.exceptions import GroqError, GroqLookupError

PLAIN = {"prompt_template": None}


def rows_of(row):
    """Some rows that are right, and one that is not: row 7."""
    return [*({"prompt": "Hi", "text": "Hi"} for _ in range(7)), row]


WRONG_ROWS = {
    "of a wrong type": (PLAIN, 7, "Row 7 .*is 7, but a row must be a text"),
    "prompt and messages": (PLAIN, {"prompt": "a", "messages": []}, "Row 7 .*has both prompt and messages"),
    "nothing to ask": (PLAIN, {"words": "a"}, "Row 7 .*has no prompt"),
    "no column of the template": ({}, {"words": "a"}, "Row 7 .*has no column 'text', which prompt_template names"),
    "too large alone": ({}, {"text": 30_000 * "long "}, "Row 7 .*becomes a request of 150,.* bytes, but"),
    "without a model": (PLAIN | {"model": None}, "Hi", "Row 0 .*names no model"),
}


@pytest.mark.parametrize(("options", "row", "said"), WRONG_ROWS.values(), ids=WRONG_ROWS)
def test_a_wrong_row_is_named_and_nothing_is_sent(stored_job, monkeypatch, options, row, said):
    monkeypatch.setenv("AIRFLOW_CONN_GROQ_DEFAULT", with_extra(max_file_bytes=100_000))
    with pytest.raises(AirflowFailException, match=said):
        stored_job.run(rows=rows_of(row), **options)
    assert stored_job.emulator.requests("POST") == []
    assert not files(stored_job)


def files(job):
    """What is left under the output folder."""
    return [path for path in job.output.rglob("*") if path.is_file()]


def test_of_rows_that_are_not_sent_nothing_is_kept(job, monkeypatch):
    """However many rows there are, and however often they are tried."""

    def rows():
        yield from texts(5_000)
        raise RuntimeError("the table is gone")

    for _ in range(2):
        with pytest.raises(RuntimeError, match="the table is gone"):
            job.run(rows=rows, shard_size=1_000)
    monkeypatch.setattr("airflow_provider_groq.api.settings.Settings.is_groq", True)
    with pytest.raises(AirflowFailException, match="gone"):
        job.run(model="gone")
    assert not files(job)


def with_extra(**extra):
    connection = json.loads(os.environ["AIRFLOW_CONN_GROQ_DEFAULT"])
    return json.dumps(connection | {"extra": {**connection.get("extra", {}), **extra}})


def test_rows_that_each_name_a_model_need_none(job):
    models = ["openai/gpt-oss-20b", "qwen/qwen3.8-27b"]
    rows = [{"custom_id": f"row-{n}", "prompt": "Hi", "request": {"model": models[n % 2]}} for n in range(8)]
    manifest = job.run(rows=rows, model=None, **PLAIN)
    assert [answer["model"] for answer in job.answers()] == 4 * models
    assert sorted(manifest["tokens"]) == models


@pytest.fixture
def read_only(tmp_path):
    """A folder that nobody may write to, whoever runs the test."""
    path, libc = tmp_path / "read-only", ctypes.CDLL(None, use_errno=True)
    path.mkdir()
    if libc.mount(b"tmpfs", os.fsencode(path), b"tmpfs", 1, None):  # MS_RDONLY
        pytest.skip(f"a disk of its own cannot be mounted: {os.strerror(ctypes.get_errno())}")
    yield path
    assert libc.umount2(os.fsencode(path), 2) == 0


@pytest.mark.parametrize("argument", ["output_path", "work_path"])
def test_a_folder_that_cannot_be_written_is_named_before_the_rows_are_read(stored_job, read_only, argument):
    def rows():
        raise AssertionError("they must not be read")

    with pytest.raises(AirflowFailException, match=f"{argument} {read_only}/answers.*(Read-only|not allowed)"):
        stored_job.run(rows=rows, **{argument: str(read_only / "answers")})
    assert stored_job.emulator.requests("POST") == []


def test_a_file_in_the_place_of_the_folder_is_named(stored_job):
    stored_job.output.write_text("mine")
    with pytest.raises(AirflowFailException, match="must be a folder, but is a file"):
        stored_job.run()
    assert stored_job.output.read_text() == "mine"


@pytest.mark.parametrize("argument", ["output_path", "work_path", "reuse"])
@pytest.mark.parametrize("kind", [str, Path])
def test_a_path_that_is_no_unicode_is_named_before_anything_is_sent(stored_job, tmp_path, argument, kind):
    """A manifest could not name it: it would be found when all is paid."""
    with pytest.raises(AirflowFailException, match=rf"{argument} is .*'.*\\udcff', but must be in UTF-8"):
        stored_job.run(**{argument: kind(tmp_path / os.fsdecode(b"\xff"))})
    assert stored_job.emulator.requests("POST") == []


GOOD = [said(f"row-{number}", "good").decode() for number in range(8)]
BAD_FILES = {"half of them": GOOD[:4], "cut off in the middle": [*GOOD[:7], GOOD[7][:50]], "none": ["\n"]}


@pytest.fixture
def one_batch(job):
    """Runs a job of one batch, whose result file has these lines."""

    def run(lines):
        job.emulator.fault("/files/*/content", method="GET", status=200, body="".join(lines))
        return job.run(shard_size=8, delete_files=False)

    return run


@pytest.mark.parametrize("lines", BAD_FILES.values(), ids=BAD_FILES)
def test_a_result_file_that_lacks_lines_is_downloaded_again_by_a_retry_and_nothing_is_resent(job, one_batch, lines):
    with pytest.raises(GroqError, match="lack lines.* nothing is resent. Retry the task"):
        one_batch(lines)
    assert not (job.output / "manifest.json").exists()
    assert job.run(delete_files=False)["rows"]["succeeded"] == 8
    assert len(job.emulator.batches()) == 1


def test_foreign_and_repeated_lines_of_a_result_file_are_told_and_change_nothing(job, one_batch, capsys):
    lines = [said("foreign").decode(), *GOOD, *GOOD[:3], "no JSON\n"]
    assert one_batch(lines)["rows"]["succeeded"] == 8
    assert [(answer["custom_id"], answer["output"]) for answer in job.answers()] == [
        (f"row-{number}", "good") for number in range(8)
    ]
    told = "3 lines of its result files repeat a custom_id, 1 have a custom_id that the batch does not have, and 1 are"
    assert told in "".join(capsys.readouterr())


@pytest.fixture(params=["beside the answers", "elsewhere", "each elsewhere"])
def work_paths(request, tmp_path):
    """Where two jobs that have one output folder work, as their options."""
    if request.param == "beside the answers":
        return {}, {}
    first = {"work_path": str(tmp_path / "work")}
    return first, first if request.param == "elsewhere" else {"work_path": str(tmp_path / "other work")}


def test_two_jobs_that_start_at_once_in_one_folder_are_told_apart_before_the_second_pays(job, tmp_path, work_paths):
    """The second begins while the first reads its rows, and seals first."""
    mine, others = work_paths
    job.emulator.set(seconds=1000)
    other = JobTries(job.emulator, job.output, run_id="tomorrow", stored=job._stored)

    def rows():
        with pytest.raises(TaskDeferred):
            other.run(deferrable=True, **others)
        yield from texts(8)

    with pytest.raises(AirflowFailException, match="work folder of another job .*'tomorrow'"):
        job.run(rows=rows, **mine)
    assert len(job.emulator.batches()) == 3
    assert len([*tmp_path.glob("*/_groq_*/*/requests.jsonl")]) == 1
    job.emulator.set(seconds=0)
    job.emulator.advance(2000)
    assert other.run(**others)["rows"]["succeeded"] == 8


def test_jobs_share_a_folder_for_work(job, tmp_path):
    job.emulator.set(seconds=1000)
    options = {"work_path": str(tmp_path / "work"), "deferrable": True}
    others = [JobTries(job.emulator, tmp_path / name, run_id=name, stored=job._stored) for name in ("one", "two")]
    for each in others:
        with pytest.raises(TaskDeferred):
            each.run(**options)
    job.emulator.set(seconds=0)
    job.emulator.advance(2000)
    for each in others:
        assert each.run(**options)["rows"]["succeeded"] == 8
        assert not [*each.output.glob("_groq_*")]
    assert not [*(tmp_path / "work").iterdir()]


def test_a_retry_with_another_folder_for_work_pays_for_nothing_and_a_clear_heals_it(job, tmp_path):
    job.emulator.set(seconds=1000)
    with pytest.raises(TaskDeferred):
        job.run(work_path=str(tmp_path / "work"), deferrable=True)
    with pytest.raises(GroqLookupError, match="its work folder .* does not exist here"):
        job.run()
    assert len(job.emulator.batches()) == 3
    job.emulator.set(seconds=0)
    job.clear()
    assert job.run()["rows"]["succeeded"] == 8
    assert job.work is None


def test_two_jobs_that_seal_at_the_same_moment_do_not_both_pay(job, tmp_path, monkeypatch, work_paths):
    from airflow_provider_groq.jobs.work_folder import WorkFolder

    mine, others = work_paths
    write, calls = WorkFolder.write_seal, count()
    other = JobTries(job.emulator, job.output, run_id="tomorrow", stored=job._stored)
    ended = []

    def at_once(work, seal):
        if not next(calls):
            with pytest.raises((AirflowFailException, TaskDeferred)) as raised:
                other.run(deferrable=True, **others)
            ended.append(raised.type)
        write(work, seal)

    monkeypatch.setattr(WorkFolder, "write_seal", at_once)
    job.emulator.set(seconds=1000)
    with pytest.raises(AirflowFailException, match="'tomorrow'"):
        job.run(deferrable=True, **mine)
    assert ended == [TaskDeferred]
    assert len(job.emulator.batches()) == 3
    for kept in ("job.json", "elsewhere.json", "*/requests.jsonl"):
        assert len([*tmp_path.glob(f"*/_groq_*/{kept}")]) == (kept != "elsewhere.json" or bool(mine))
