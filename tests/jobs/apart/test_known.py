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
from airflow_provider_groq.jobs.apart import known as module
from airflow_provider_groq.jobs.apart.assignment import Place
from airflow_provider_groq.jobs.apart.known import Known, KnownAnswers, Source, answer_for
from airflow_provider_groq.jobs.records import Answer, RowRecord
from airflow_provider_groq.jobs.results.answer_lines import encode


def digest(number):
    return f"{number:032x}"


@pytest.fixture
def known():
    with KnownAnswers() as known:
        yield known


def found(known, *numbers):
    """The answers that there are to requests, by their number."""
    rows = [RowRecord(index, str(index), digest(number), msgspec.Raw(b"null")) for index, number in enumerate(numbers)]
    return {
        numbers[row.number]: known.read(row.answer, rows[row.number].digest)
        for row in known.elsewhere(rows, dedupe=False)
    }


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
    assert known.add(Source(keep("a", said, refused, said))) == 2
    assert known.add(Source(keep("b", said, start=10))) == 1
    answers = found(known, 99, 2, 1, 10)
    assert {number: known.answer.custom_id for number, known in answers.items()} == {2: "row-2", 10: "row-10"}


def test_of_equal_requests_the_first_answer_that_is_whole_is_given(known, keep):
    known.add(Source(keep("a", cut, cut)))
    known.add(Source(keep("b", lambda custom_id: said(custom_id, "whole"))))
    known.add(Source(keep("c", lambda custom_id: said(custom_id, "later"))))
    assert [known.answer.output for known in found(known, 0, 1).values()] == ["whole", "half"]


def test_lines_that_cannot_be_read_are_no_answers(known, keep):
    path = keep("a", said, said, said)
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    other = whole[:first].replace(digest(0).encode(), b"zz")
    path.write_bytes(b'half\n{"request_digest": 5}\n' + other + whole[first:-9])
    assert known.add(Source(path)) == 1
    assert [known.answer.index for known in found(known, 1, 2).values()] == [1]


def test_an_answer_says_where_it_is_reused_from(known, keep):
    known.add(Source(keep("own", said)))
    known.add(Source(keep("other", said, said), "s3://bucket/yesterday"))
    answers = [
        answer_for(record, some, dedupe=False)
        for record, some in zip(records(["a", "b"]), found(known, 0, 1).values(), strict=True)
    ]
    assert [answer.reused_from for answer in answers] == [msgspec.UNSET, "s3://bucket/yesterday"]


def test_a_file_that_changed_is_an_error(known, keep):
    path = keep("a", said, said)
    known.add(Source(path))
    whole = path.read_bytes()
    for content in (b"x" * 5000, whole[:-9], whole.replace(digest(1).encode(), digest(2).encode())):
        path.write_bytes(content)
        known._open.clear()
        known._ahead = module._Ahead(-1, 0, b"")
        with pytest.raises(GroqStorageError, match="changed while it was read"):
            known.read(Place(0, whole.index(b"\n") + 1, len(whole) - whole.index(b"\n") - 1), digest(1))


def test_however_many_files_there_are_few_are_open(monkeypatch, known, keep):
    monkeypatch.setattr(module, "MAX_OPEN", 3)
    for number in range(10):
        known.add(Source(keep(str(number), said, start=number)))
    rows = [RowRecord(number, "", digest(number % 10), msgspec.Raw(b"null")) for number in range(20)]
    for row in known.elsewhere(rows, dedupe=False):
        assert known.read(row.answer, digest(row.number % 10)).answer.index == row.number % 10
        assert len(known._open) <= 3


def test_in_object_storage(known, keep):
    storage = ObjectStorage("aws_known")
    try:
        folder = ObjectStoragePath(storage.uri(storage.bucket(), "out"))
        known.add(Source(keep("a", said, said, said, folder=folder)))
        assert [known.answer.index for known in found(known, 2, 0, 1).values()] == [2, 0, 1]
        known.close()
    finally:
        storage.stop()


def answered_as(record, line, origin=None, *, dedupe=False, is_shared=False, **fields):
    """What a row gets of an answer."""
    answer = msgspec.json.decode(line, type=Answer)
    for name, value in fields.items():
        setattr(answer, name, value)
    return json.loads(encode(answer_for(record, Known(answer, origin, is_shared), dedupe=dedupe)))


def test_a_new_row_gets_the_answer_under_its_own_name():
    line = harvested(["old"], [said("old", reasoning="Hm.")], batch_id="batch_old", round=2)[2]
    record = RowRecord(7, "new", digest(0), msgspec.Raw(b'{"new":"column"}'))
    answer = answered_as(record, line)
    mine = {"custom_id": "new", "index": 7, "input": {"new": "column"}, "sent_as": "old"}
    assert answer == json.loads(line) | mine
    assert (answer["batch_id"], answer["round"], answer["reasoning"]) == ("batch_old", 2, "Hm.")


@pytest.mark.parametrize(
    ("fields", "origin", "expected"),
    [
        ({}, None, {}),
        ({"same_as": "first"}, None, {"same_as": "first"}),
        ({"sent_as": "older"}, None, {"sent_as": "older"}),
        ({}, "s3://bucket/out", {"reused_from": "s3://bucket/out"}),
        ({"same_as": "first"}, "out", {"sent_as": "first", "reused_from": "out"}),
        ({"custom_id": "b"}, "out", {"sent_as": "b", "reused_from": "out"}),
        ({"custom_id": "b", "sent_as": "older"}, None, {"sent_as": "older"}),
        ({"custom_id": "b", "same_as": "first"}, None, {"sent_as": "first"}),
        ({"custom_id": "b", "sent_as": "a"}, None, {}),
        ({"custom_id": "b", "dedupe": True}, None, {"same_as": "b"}),
        ({"custom_id": "b", "is_shared": True}, None, {"same_as": "b"}),
        ({"custom_id": "b", "dedupe": True, "is_shared": True}, "out", {"sent_as": "b", "reused_from": "out"}),
    ],
)
def test_an_answer_says_under_which_id_it_was_sent_where_that_is_not_the_rows(fields, origin, expected):
    line = harvested(["a"], [said("a")])[2]
    (record,) = records(["a"])
    answer = answered_as(record, line, origin, **fields)
    assert {name: answer[name] for name in ("same_as", "sent_as", "reused_from") if name in answer} == expected


def test_copies_of_an_answer_are_one_answer(known, keep):
    """The first file has an answer that was given to another row; the second has it of the row that was sent."""
    path = keep("moved", said)
    line = path.read_bytes()
    path.write_bytes(line.replace(b'"custom_id":"row-0"', b'"custom_id":"row-9"')[:-2] + b',"sent_as":"row-0"}\n')
    known.add(Source(path))
    known.add(Source(keep("first", said)))
    rows = [RowRecord(number, f"row-{number}", digest(0), msgspec.Raw(b"null")) for number in range(3)]
    assert [row.number for row in known.elsewhere(rows, dedupe=False)] == [0]


def test_an_answer_that_was_validated_stays_an_object():
    line = harvested(["a"], [said("a", '{"n": [1.5, "x"]}')], validate=json.loads)[2]
    (record,) = records(["a"])
    assert encode(answer_for(record, Known(msgspec.json.decode(line, type=Answer)), dedupe=False)) == line


CHILD = """
import sys
from pathlib import Path
import msgspec
from airflow.sdk import ObjectStoragePath
from airflow_provider_groq.jobs.apart.known import KnownAnswers, Source
from airflow_provider_groq.jobs.records import RowRecord

def most():
    return next(int(line.split()[1]) for line in Path("/proc/self/status").open() if line.startswith("VmHWM"))

def run(count):
    path = ObjectStoragePath("file://" + sys.argv[1])
    with path.open("wb") as file:
        for number in range(count):
            file.write(b'{"custom_id":"row-%d","index":%d,"status":"succeeded","output":"%s","error":null,"model":"m",'
                       b'"finish_reason":"stop","usage":null,"round":1,"batch_id":"b","request_digest":"%032x","input":null}\\n'
                       % (number, number, b"x" * 100, number * 7919 % count))
    with KnownAnswers() as known:
        assert known.add(Source(path)) == count
        rows = (RowRecord(number, "", f"{number:032x}", msgspec.Raw(b"null")) for number in range(count))
        asked = known.elsewhere(rows, dedupe=False)
        step = 1 + count // 1000
        for number, row in enumerate(asked):
            assert row.number == number
            if number % step == 0:
                assert known.read(row.answer, f"{number:032x}").answer.status == "succeeded"
        assert number == count - 1

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
