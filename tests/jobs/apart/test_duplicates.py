"""Rows that ask what another one asks: found, and answered with what the other was answered."""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jobs.result_lines import alone, harvested, refused, said

from airflow_provider_groq.exceptions import GroqStorageError
from airflow_provider_groq.jobs.apart.duplicates import Duplicate, followed, read, write
from airflow_provider_groq.jobs.records import RowRecord
from airflow_provider_groq.jobs.results.merge import merge


def rows_asking(words):
    """A row for each word; the same words are the same requests."""
    return [
        RowRecord(number, f"row-{number}", f"{ord(word):032x}", msgspec.Raw(b'{"n":%d}' % number))
        for number, word in enumerate(words)
    ]


def written(found):
    return [write(duplicate) for duplicate in found]


def answered(rounds, rows):
    """All rows as they are landed; each round has the results of the rows that it sent."""
    originals = {}
    for row in rows:
        originals.setdefault(row.digest, row.index)
    originals = {row.index: originals[row.digest] for row in rows if originals[row.digest] < row.index}
    found = [
        Duplicate(row.index, originals[row.index], row.custom_id, row.input) for row in rows if row.index in originals
    ]
    lines = {}
    for number, results in enumerate(rounds, 1):
        sent = [row for row in rows if row.custom_id in results]
        made = [results[row.custom_id](row.custom_id) for row in sent]
        lines[number] = alone(harvested(sent, made, round=number)[2].splitlines(keepends=True), number)
    merged = merge(lines, rows=len(rows), elsewhere=[duplicate.index for duplicate in found])
    return list(followed(merged, lambda: read(written(found)), total=len(rows)))


@given(st.text("abc", min_size=1, max_size=30))
def test_each_row_has_the_answer_to_what_it_asks(words):
    rows = rows_asking(words)
    originals = {row.custom_id: row for row in rows if words.index(words[row.index]) == row.index}

    def result(custom_id):
        word = words[originals[custom_id].index]
        return refused(custom_id) if word == "c" else said(custom_id, f"{word}!")

    landed = answered([dict.fromkeys(originals, result)], rows)
    answers = [json.loads(row.best.line) for row in landed]
    assert [answer["index"] for answer in answers] == list(range(len(words)))
    for row, answer, word in zip(landed, answers, words, strict=True):
        first = words.index(word)
        assert answer["input"] == {"n": answer["index"]}
        assert answer["custom_id"] == row.best.head.custom_id == f"row-{answer['index']}"
        assert answer["output"] == (None if word == "c" else f"{word}!")
        assert row.is_duplicate == (first < answer["index"])
        assert answer.get("same_as") == (f"row-{first}" if row.is_duplicate else None)
        assert row.best.head.status == answer["status"] == ("failed" if word == "c" else "succeeded")


def test_duplicates_have_the_best_answer_of_all_rounds():
    landed = answered([{"row-0": refused, "row-1": said}, {"row-0": said}], rows_asking("abab"))
    assert [(row.best.round, len(row.others)) for row in landed] == [(2, 1), (1, 0), (2, 0), (1, 0)]


def test_an_original_without_an_answer_is_named():
    rows = rows_asking("ab")
    lines = harvested(rows[:1], [said("row-0")])[2].splitlines(keepends=True)
    found = [Duplicate(1, 7, "row-1", msgspec.Raw(b"null"))]
    merged = merge({1: alone(lines)}, rows=2, elsewhere=[1])
    with pytest.raises(GroqStorageError, match="Row 1 .* has the same request as row 7, but no round has an answer"):
        list(followed(merged, lambda: iter(found), total=8))


@pytest.mark.parametrize("line", [b"[1,2", b"[]\n", b"\xff\n", b'{"index": 1}\n', b'["1",2,"a",null]\n'])
def test_a_line_that_cannot_be_read_is_an_error(line):
    with pytest.raises(GroqStorageError, match="A line of duplicates cannot be read"):
        list(read([line]))


FULL = """
import resource
import signal

import msgspec

from airflow_provider_groq.jobs.apart.duplicates import Duplicate, followed
from airflow_provider_groq.jobs.results.kept import Run

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
rows = [Run(1, number, 1, 3_000 * b"x", whole=True) for number in range(10)]
duplicates = [Duplicate(10 + number, number, "", msgspec.Raw(b"null")) for number in range(10)]
list(followed(rows, lambda: iter(duplicates), total=20))
"""


def test_an_answer_that_finds_no_room_is_no_fault_of_the_output():
    """In a process that may write only small files: the file cannot be closed properly either."""
    done = subprocess.run([sys.executable, "-c", FULL], stderr=subprocess.PIPE, text=True, check=False)
    *_, error = done.stderr.splitlines()
    assert "GroqStorageError: The temporary file in which the answers of equal requests are kept" in error
    assert "File too large" in error
    assert "TMPDIR" in error


CHILD = """
import sys
from pathlib import Path
import msgspec
from airflow_provider_groq.jobs.results.answer_lines import read_head
from airflow_provider_groq.jobs.apart.duplicates import Duplicate, followed
from airflow_provider_groq.jobs.results.merge import Merged, Sent

def most():
    return next(int(line.split()[1]) for line in Path("/proc/self/status").open() if line.startswith("VmHWM"))

def run(count):
    digest = lambda number: b"%032x" % (number * 7919 % (count // 2))
    nothing = msgspec.Raw(b"null")
    half = count // 2
    found = lambda: (Duplicate(number, number - half, f"row-{number}", nothing) for number in range(half, count))
    line = (b'{"custom_id":"row-%d","index":%d,"status":"succeeded","output":"%s","error":null,"model":"m",'
            b'"finish_reason":"stop","usage":null,"round":1,"batch_id":"b","request_digest":"%s","input":null}\\n')
    lines = (line % (number, number, b"x" * 100, digest(number)) for number in range(count // 2))
    rows = (Merged(Sent(1, read_head(line), line)) for line in lines)
    assert sum(1 for _ in followed(rows, found, total=count)) == count

run(10)
before = most()
run(int(sys.argv[1]))
print((most() - before) >> 10)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for the memory used")
def test_memory_does_not_grow_with_the_duplicates():
    done = subprocess.run([sys.executable, "-c", CHILD, "200000"], stdout=subprocess.PIPE, text=True, check=True)
    assert int(done.stdout) < 16
