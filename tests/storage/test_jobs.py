"""A whole job on a real server of S3's API: its work folder and its answers lie there."""

import errno
import os

import pytest
from airflow.sdk import ObjectStoragePath
from airflows import TaskDeferred
from operators.conftest import JobTries, texts
from storage.s3_server import ObjectStorage

from airflow_provider_groq.answers import read_answers
from airflow_provider_groq.compat import AirflowFailException
from airflow_provider_groq.exceptions import GroqStorageError


@pytest.fixture(scope="session")
def s3():
    storage = ObjectStorage("aws_s3_jobs")
    yield storage
    storage.stop()


@pytest.fixture
def job(s3, groq_emulator, quick):
    groq_emulator.set(seconds=0)
    return JobTries(groq_emulator, ObjectStoragePath(s3.uri(s3.bucket(), "answers")))


def test_a_job_leaves_nothing_but_its_output(job):
    job.emulator.answer_with(lambda request: request["custom_id"])
    manifest = job.run()
    assert [answer.output for answer in read_answers(manifest)] == [f"row-{number}" for number in range(8)]
    assert [path.name.partition("-")[0] for path in sorted(job.output.iterdir())] == ["manifest.json", "part"]


def test_a_retry_goes_on_and_a_clear_pays_only_for_what_is_new(job, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("airflow_provider_groq.operators.job.ending.write_parts", full)
        with pytest.raises(GroqStorageError):
            job.run(delete_files=False)
    assert job.run(delete_files=False)["rows"]["succeeded"] == 8
    assert len(job.sent()) == 3
    job.clear()
    job.run(delete_files=False, rows=[{"custom_id": "row-0", "text": "thing 0"}, {"custom_id": "b", "text": "new"}])
    assert len(job.sent()) == 4
    assert ["b"] in job.sent()
    assert [answer.custom_id for answer in read_answers(job.output)] == ["row-0", "b"]


def test_two_jobs_there_share_a_folder_for_work_and_not_for_output(job, s3):
    """A listing that is remembered would not show the second one."""
    work = {"work_path": s3.uri(s3.bucket(), "work")}
    job.emulator.set(seconds=1000)
    other = JobTries(job.emulator, job.output, run_id="tomorrow")

    def rows():
        with pytest.raises(TaskDeferred):
            other.run(deferrable=True, **work)
        yield from texts(8)

    with pytest.raises(AirflowFailException, match="work folder of another job .*'tomorrow'"):
        job.run(rows=rows, **work)
    assert len(job.emulator.batches()) == 3
    job.emulator.set(seconds=0)
    job.emulator.advance(2000)
    assert other.run(**work)["rows"]["succeeded"] == 8
    assert [path.name.partition("-")[0] for path in sorted(job.output.iterdir())] == ["manifest.json", "part"]


def test_rounds_on_s3(job):
    once = {"error": 498, "times": 1}
    job.emulator.set(failing_requests={"row-1": once, "row-6": once})
    assert [row["succeeded"] for row in job.run()["rounds"]] == [6, 2]


def test_a_bucket_that_is_missing_is_named_before_anything_is_sent(job):
    job.output = ObjectStoragePath(str(job.output).replace("@", "@no-such-"))
    with pytest.raises(AirflowFailException, match="output_path"):
        job.run()
    assert job.emulator.requests("POST") == []


@pytest.mark.parametrize("name", ["a*b", "a?b", "[a]", "a/../b", ".", ".."])
@pytest.mark.parametrize("argument", ["output_path", "work_path"])
def test_a_name_that_stands_for_others_is_refused_before_anything_is_written_or_sent(job, s3, name, argument):
    """It would be a pattern where files are moved and removed."""
    bucket = s3.bucket()
    with pytest.raises(AirflowFailException, match=f"{argument} .* has '.*', which cannot be part of a folder's name"):
        job.run(**{argument: s3.uri(bucket, name)})
    assert not s3.contents(bucket)
    assert job.emulator.requests("POST") == []


@pytest.mark.parametrize("name", ["a b", "100%", "a%20b", "ü", "a#b", "a+b", "a@b", "a:b", "{a}", "a..b", ".a"])
def test_any_other_name_will_do(job, s3, name):
    job.output = ObjectStoragePath(s3.uri(s3.bucket(), name))
    manifest = job.run()
    assert len(list(read_answers(manifest))) == len(list(read_answers(job.output))) == 8


def test_an_output_there_is_reused_and_may_reuse_itself(job):
    job.run(rows=texts(5))
    other = JobTries(job.emulator, job.output.parent / "other", run_id="other")
    assert other.run(rows=texts(8), reuse=[str(job.output), str(other.output)])["reused"] == 5
    again = JobTries(job.emulator, other.output, run_id="again")
    assert again.run(rows=texts(9), reuse=f"{other.output}/manifest.json")["reused"] == 8
    with pytest.raises(AirflowFailException, match="reuse .*nowhere is missing"):
        JobTries(job.emulator, job.output, run_id="lost").run(reuse=str(job.output.parent / "nowhere"))
