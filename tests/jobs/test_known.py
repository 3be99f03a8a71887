"""Answers that are there already, by the digest of their request."""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from airflow.sdk import ObjectStoragePath
from jobs.result_lines import harvested, records, refused, said
from storage.s3_server import ObjectStorage

from airflow_provider_groq.exceptions import GroqStorageError
from airflow_provider_groq.jobs import known as module
from airflow_provider_groq.jobs.answer_lines import encode
from airflow_provider_groq.jobs.known import Known, KnownAnswers, answer_for
from airflow_provider_groq.jobs.records import RowRecord


def digest(number):
    return f"{number:032x}"


@pytest.fixture
def known():
    with KnownAnswers() as known:
        yield known


@pytest.fixture
def keep(tmp_path):
    """Keeps answers to rows, from a number on, in a file."""

    def keep(name, *results, start=0, folder=None):
        rows = records([f"row-{number}" for number in range(start, start + len(results))], start=start)
        lines = [make(row.custom_id) for make, row in zip(results, rows, strict=True)]
        path = (folder or ObjectStoragePath(f"file://{tmp_path}")) / name
        path.write_bytes(harvested(rows, lines)[2])
        return path

    return keep


def cut(custom_id):
    return said(custom_id, "half", finish_reason="length")


def test_only_answers_that_succeeded_are_known(known, keep):
    assert known.add(keep("a", said, refused, said)) == 2
    assert known.add(keep("b", said, start=10)) == 1
    assert json.loads(known.lookup(digest(2)).line)["custom_id"] == "row-2"
    assert json.loads(known.lookup(digest(10)).line)["custom_id"] == "row-10"
    assert known.lookup(digest(1)) is known.lookup(digest(99)) is known.lookup("no digest") is None


def test_of_equal_requests_the_first_answer_that_is_whole_is_given(known, keep):
    known.add(keep("a", cut, cut))
    known.add(keep("b", lambda custom_id: said(custom_id, "whole")))
    known.add(keep("c", lambda custom_id: said(custom_id, "later")))
    assert json.loads(known.lookup(digest(0)).line)["output"] == "whole"
    assert json.loads(known.lookup(digest(1)).line)["output"] == "half"


def test_answers_can_be_added_after_a_lookup(known, keep):
    known.add(keep("a", said))
    assert known.lookup(digest(1)) is None
    known.add(keep("b", said, start=1))
    assert known.lookup(digest(1)) is not None


def test_lines_that_cannot_be_read_are_no_answers(known, keep):
    path = keep("a", said, said, said)
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    other = whole[:first].replace(digest(0).encode(), b"zz")
    path.write_bytes(b'half\n{"request_digest": 5}\n' + other + whole[first:-9])
    assert known.add(path) == 1
    assert json.loads(known.lookup(digest(1)).line)["index"] == 1
    assert known.lookup(digest(2)) is None


def test_of_many_equal_answers_one_is_found_at_once(known, keep):
    """All that a lookup asks for stands in the index: nothing is sorted for it, and no table read."""
    known.add(keep("a", *3 * [said]))
    known.lookup(digest(0))
    plan = known._database.execute(f"EXPLAIN QUERY PLAN {module.BY_DIGEST}", (b"",)).fetchall()
    assert "COVERING INDEX by_digest" in str(plan)
    assert "B-TREE" not in str(plan)


def test_a_temporary_file_without_room_is_no_fault_of_the_storage(known, keep):
    known._database.execute("PRAGMA max_page_count = 2")
    with pytest.raises(GroqStorageError, match=r"database or disk is full.*SQLITE_TMPDIR"):
        known.add(keep("a", *500 * [said]))


def test_an_answer_says_where_it_is_reused_from(known, keep):
    known.add(keep("own", said))
    known.add(keep("other", said, said), "s3://bucket/yesterday")
    answers = [answer_for(record, known.lookup(record.digest)) for record in records(["a", "b"])]
    assert [answer.reused_from for answer in answers] == [msgspec.UNSET, "s3://bucket/yesterday"]


def test_a_file_that_changed_is_an_error(known, keep):
    path = keep("a", said, said)
    known.add(path)
    path.write_bytes(b"x" * 5000)
    with pytest.raises(GroqStorageError):
        known.lookup(digest(1))
    keep("a", said)
    known._open.clear()
    known._ahead = module._Ahead(-1, 0, b"")
    with pytest.raises(GroqStorageError, match="changed while it was read"):
        known.lookup(digest(1))


def test_however_many_files_there_are_few_are_open(monkeypatch, known, keep):
    monkeypatch.setattr(module, "MAX_OPEN", 3)
    for number in range(10):
        known.add(keep(str(number), said, start=number))
    for number in [*range(10), *range(10)]:
        assert json.loads(known.lookup(digest(number)).line)["index"] == number
        assert len(known._open) <= 3


def test_in_object_storage(known, keep):
    storage = ObjectStorage("aws_known")
    try:
        folder = ObjectStoragePath(storage.uri(storage.bucket(), "out"))
        known.add(keep("a", said, said, said, folder=folder))
        for number in (2, 0, 1):
            assert json.loads(known.lookup(digest(number)).line)["index"] == number
        known.close()
    finally:
        storage.stop()


def test_a_new_row_gets_the_answer_under_its_own_name():
    line = harvested(["old"], [said("old", reasoning="Hm.")], batch_id="batch_old", round=2)[2]
    record = RowRecord(7, "new", digest(0), msgspec.Raw(b'{"new":"column"}'))
    answer = json.loads(encode(answer_for(record, Known(line))))
    assert answer == json.loads(line) | {"custom_id": "new", "index": 7, "input": {"new": "column"}}
    assert (answer["batch_id"], answer["round"], answer["reasoning"]) == ("batch_old", 2, "Hm.")


def test_an_answer_that_was_validated_stays_an_object():
    line = harvested(["a"], [said("a", '{"n": [1.5, "x"]}')], validate=json.loads)[2]
    (record,) = records(["a"])
    assert encode(answer_for(record, Known(line))) == line


CHILD = """
import sys
from pathlib import Path
from airflow.sdk import ObjectStoragePath
from airflow_provider_groq.jobs.known import KnownAnswers

def most():
    return next(int(line.split()[1]) for line in Path("/proc/self/status").open() if line.startswith("VmHWM"))

def run(count):
    path = ObjectStoragePath("file://" + sys.argv[1])
    with path.open("wb") as file:
        for number in range(count):
            file.write(b'{"custom_id":"row-%d","index":%d,"status":"succeeded","output":"%s","request_digest":"%032x"}\\n'
                       % (number, number, b"x" * 100, number * 7919 % count))
    with KnownAnswers() as known:
        assert known.add(path) == count
        for number in range(0, count, 1 + count // 1000):
            assert b'"%032x"' % number in known.lookup(f"{number:032x}").line

run(10)
before = most()
run(int(sys.argv[2]))
print((most() - before) >> 10)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for the memory used")
def test_memory_does_not_grow_with_the_answers(tmp_path):
    command = [sys.executable, "-c", CHILD, str(tmp_path / "answers"), "200000"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    assert int(done.stdout.split()[-1]) < 16  # Airflow 3.0 has logged something before it
