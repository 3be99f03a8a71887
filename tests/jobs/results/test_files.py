"""The lines of result files are read once where they come in order, and found by their ids where not."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from jobs.result_lines import harvested, records, refused, said

from airflow_provider_groq.jobs.results import files as module
from airflow_provider_groq.jobs.results.harvest import harvest

CHILD = """
import sys, tempfile
from pathlib import Path
from jobs.result_lines import harvest, records, said

def most():
    return next(int(line.split()[1]) for line in Path("/proc/self/status").open() if line.startswith("VmHWM"))

def run(count):
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as sink:
        for number in range(count):
            output.write(said(f"row-{number * 7919 % count}", "x" * 1_700))
        rows = (record for number in range(count) for record in records([f"row-{number}"], number))
        found = harvest(rows, [output], sink, batch_id="b", status_without_line="missing", round=1)
        assert found.rows == {"succeeded": count}, found
        return sink.tell()

run(10)
before = most()
size = run(20_000)
print(size >> 20, (most() - before) >> 10)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for the memory used")
def test_memory_grows_with_the_ids_and_not_with_what_the_answers_say():
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", CHILD], stdout=subprocess.PIPE, text=True, check=True, env=environment)
    size, grown = map(int, done.stdout.split())
    assert size >= 35
    assert grown < 16


@pytest.fixture
def small_blocks(monkeypatch):
    """Three lines of `said` or so."""
    monkeypatch.setattr(module, "BLOCK_BYTES", 1000)


def places_found(monkeypatch):
    """Counts the lines that are read to find where each stands."""
    found = []
    read = module._keys.read
    monkeypatch.setattr(module._keys, "read", lambda line: found.append(line) or read(line))
    return found


@pytest.mark.usefixtures("small_blocks")
def test_lines_in_the_order_of_the_rows_are_read_once(monkeypatch):
    found = places_found(monkeypatch)
    ids = [f"row-{number}" for number in range(20)]
    assert harvested(ids, [said(id_) for id_ in ids])[0].rows == {"succeeded": 20}
    assert len(found) <= 3, "the last block is looked through for what is left in it"


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("at", range(20))
def test_from_a_line_on_that_is_not_the_next_rows_the_others_are_found_by_their_ids(monkeypatch, at):
    found = places_found(monkeypatch)
    ids = [f"row-{number}" for number in range(20)]
    lines = [said(id_, id_) for id_ in ids]
    disordered = [*lines[:at], *reversed(lines[at:])]
    wanted = harvested(ids, lines)
    found.clear()
    assert harvested(ids, disordered) == wanted
    assert len(found) <= 20 - at + 3
    refused_ = [*lines[:at], refused(ids[at]), *lines[at + 1 :]]
    counted, answers, _ = harvested(ids, refused_, [said("row-0", "twice"), said("foreign"), b"half\n"])
    assert counted.rows == ({"succeeded": 19, "failed": 1} if at else {"succeeded": 20})
    assert (counted.repeated, counted.unknown, counted.unreadable) == (1, 1, 1)
    assert [answer["output"] for answer in answers[1:]] == [None if id_ == ids[at] else id_ for id_ in ids[1:]]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(
    "odd", [b"\n", said("row-9") + b"\r\n", said("row-9"), b"[1]\n", said("x" * 2000), said("row-3")]
)
@pytest.mark.parametrize("at", [0, 4, 5, 6, 20])
def test_a_line_between_those_in_order_changes_nothing(odd, at):
    ids = [f"row-{number}" for number in range(20)]
    lines = [said(id_) for id_ in ids]
    lines.insert(at, odd)
    counted, _, written = harvested(ids, lines)
    assert written == harvested(ids, [said(id_) for id_ in ids])[2]
    assert counted.repeated + counted.unknown + counted.unreadable == (1 if odd.strip() else 0)


@pytest.mark.usefixtures("small_blocks")
def test_lines_longer_than_a_block_and_a_last_one_without_end_are_read():
    ids = [f"row-{number}" for number in range(9)]
    lines = [said(id_, "x" * 900 * number) for number, id_ in enumerate(ids)]
    lines[-1] = lines[-1].rstrip()
    found, answers, _ = harvested(ids, lines)
    assert found.rows == {"succeeded": 9}
    assert [len(answer["output"]) for answer in answers] == [900 * number for number in range(9)]


def test_a_file_is_read_from_its_beginning_wherever_it_stood():
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as sink:
        output.write(said("a"))
        rows = records(["a"])
        assert harvest(rows, [output], sink, batch_id="b", status_without_line="missing", round=1).lines == 1
