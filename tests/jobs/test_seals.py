"""What is sealed is obeyed, and what cannot be read is refused."""

import msgspec
import pytest
from airflow.sdk import ObjectStoragePath

from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.jobs.seals import JobSeal, RoundRecord, RoundSeal, Task
from airflow_provider_groq.jobs.spools.shards import Shard
from airflow_provider_groq.jobs.work_folder import MARK, SEAL, WorkFolder, others

TASK = Task("dag", "task", "run", -1, "0123456789abcdef0123456789abcdef")
JOB = JobSeal(task=TASK, spool="abc", digest="d", rows=3, generation=0, sealed_at=1.0)
ROUND = RoundSeal(number=1, generation=0, shards=[Shard(0, 3, 0, 10, 0, 20, "d")], sealed_at=1.0, deadline=2.0)


@pytest.fixture
def work(tmp_path):
    folder = WorkFolder(ObjectStoragePath(f"file://{tmp_path}"), TASK.identity)
    (tmp_path / "_groq_0123456789ab" / "abc").mkdir(parents=True)
    return folder


def test_what_is_not_sealed_yet_is_none(work):
    assert work.seal() is None
    assert work.spool("abc").round(1) is None
    assert work.spool("abc").record(1) == RoundRecord()


def test_a_seal_comes_back(work):
    work.write_seal(JOB)
    assert work.seal() == JOB
    folder = work.spool("abc")
    for number in (1, 2):
        folder.write_round(msgspec.structs.replace(ROUND, number=number))
    assert [sealed.number for sealed in folder.rounds()] == [1, 2]
    record = RoundRecord(entries={"abc.1.1": {"d": {"batch_id": "b"}}}, attempts={0: 2}, stopped_at=3.0)
    folder.write_record(1, record)
    assert folder.record(1) == record


@pytest.mark.parametrize("cut", [0, 1, 30, -1])
def test_a_seal_that_is_cut_off_is_refused_with_what_to_do(work, cut):
    work.write_seal(JOB)
    path = work.path / "job.json"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(GroqInputError, match=r"job.json is the seal of a job, but cannot be read .* Delete its folder"):
        work.seal()


def test_a_seal_of_another_version_is_refused_with_both_versions(work):
    work.write_seal(msgspec.structs.replace(JOB, version=2))
    with pytest.raises(GroqInputError, match="of version 2, but this airflow-provider-groq reads version 1"):
        work.seal()


def test_the_work_folders_of_others_are_found(work, tmp_path):
    for seal_name in (SEAL, MARK):
        other = WorkFolder(ObjectStoragePath(f"file://{tmp_path}"), seal_name, seal_name=seal_name)
        other.path.mkdir()
        other.write_seal(msgspec.structs.replace(JOB, spool=seal_name))
    (tmp_path / "_groq_without_seal").mkdir()
    (tmp_path / "part-x-00000.jsonl").touch()
    parent = ObjectStoragePath(f"file://{tmp_path}")
    assert sorted((path.name, seal.spool) for path, seal in others(parent, work)) == [
        ("_groq_elsewhere.js", MARK),
        ("_groq_job.json", SEAL),
    ]
    assert list(others(parent / "missing", work)) == []


@pytest.mark.parametrize(
    ("other", "replaced"),
    [
        (Task("dag", "task", "another run", -1, "x"), True),
        (Task("dag", "task", "run", 0, "x"), False),
        (Task("dag", "another", "run", -1, "x"), False),
        (Task("another", "task", "run", -1, "x"), False),
    ],
)
def test_a_task_may_replace_the_output_of_another_run_of_its_own(other, replaced):
    assert TASK.replaces(other) is replaced
