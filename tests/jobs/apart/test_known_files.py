"""Answers that are there before the first round, in files of so many with a summary each."""

import tracemalloc

import msgspec
import pytest
from airflow.sdk import ObjectStoragePath
from jobs.result_lines import MODEL, harvested, records, said

from airflow_provider_groq.jobs.apart import known_files as module
from airflow_provider_groq.jobs.apart.known_files import BYTES, ROWS, keeping_known, known_files
from airflow_provider_groq.jobs.output.parts import small_files_opened
from airflow_provider_groq.jobs.records import Answer
from airflow_provider_groq.jobs.results.kept import WholeFile


@pytest.fixture
def folder(tmp_path):
    return ObjectStoragePath(f"file://{tmp_path}")


def lines_for(numbers, **said_):
    """Answers to the rows of these numbers."""
    for number in numbers:
        name = f"row-{number}"
        yield harvested(records([name], start=number), [said(name, **said_)])[2]


def keep(folder, lines, size=1):
    with keeping_known(folder) as known:
        for line in lines:
            known.add(msgspec.json.decode(line, type=Answer), size)


def kept_in(folder):
    return [(kept.path.name, kept.path.read_bytes(), kept.summary().ranges) for kept in known_files(folder)]


@pytest.mark.parametrize("together", [1, 2, 100])
def test_a_file_has_so_many_rows_and_a_summary(folder, monkeypatch, together):
    monkeypatch.setattr(module, "ROWS", 3)
    monkeypatch.setattr(module, "TOGETHER_BYTES", together)
    lines = list(lines_for([0, 1, 2, 5, 7, 8, 9]))
    keep(folder, lines)
    assert kept_in(folder) == [
        ("known-00000.jsonl", b"".join(lines[:3]), [(0, 3)]),
        ("known-00001.jsonl", b"".join(lines[3:6]), [(5, 1), (7, 2)]),
        ("known-00002.jsonl", lines[6], [(9, 1)]),
    ]


def test_a_file_has_so_many_bytes(folder, monkeypatch):
    lines = list(lines_for(range(5)))
    monkeypatch.setattr(module, "BYTES", len(lines[0]) + 1)
    monkeypatch.setattr(module, "TOGETHER_BYTES", 10)
    keep(folder, lines)
    assert [ranges for _, _, ranges in kept_in(folder)] == [[(0, 2)], [(2, 2)], [(4, 1)]]


def test_without_answers_there_is_no_file(folder, tmp_path):
    keep(folder, [])
    assert kept_in(folder) == list(tmp_path.iterdir()) == []


def test_after_an_error_the_file_that_was_begun_is_not_there(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ROWS", 2)
    monkeypatch.setattr(module, "TOGETHER_BYTES", 1)

    def failing():
        yield from lines_for(range(3))
        raise OSError("such as a full disk")

    with pytest.raises(OSError, match="full disk"):
        keep(folder, failing())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["known-00000.jsonl", "known-00000.summary.json"]


def test_answers_that_are_cut_off_and_odd_counts_are_in_the_summary(folder):
    lines = [
        *lines_for([0], usage={"prompt_tokens": "many", "total_tokens": 7}),
        *lines_for([1], finish_reason="length"),
        *lines_for([2], usage=None),
    ]
    keep(folder, lines)
    ((_, content, ranges),) = kept_in(folder)
    assert (content, ranges) == (b"".join(lines), [(0, 3)])
    (kept,) = known_files(folder)
    summary = kept.summary()
    assert (summary.cut_off, summary.answers, summary.unmetered) == ([1], 2, 1)
    assert summary.tokens[MODEL]["total_tokens"] == 7 + 90


@pytest.mark.parametrize("columns", [b'"%b"' % (b"x" * 250_000), b"1" + b" " * 250_000], ids=["wide", "one of a block"])
def test_memory_grows_neither_with_the_columns_nor_with_the_blocks_that_they_are_read_from(folder, columns):
    (line,) = lines_for([0])
    keep(folder, [line])  # loads modules
    tracemalloc.start()
    with keeping_known(folder) as known:
        for number in range(200):
            answer = msgspec.json.decode(line, type=Answer)
            answer.index, answer.input = number, msgspec.json.decode(bytes(bytearray(columns)), type=msgspec.Raw)
            known.add(answer, len(line))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000


@pytest.mark.parametrize(("rows", "size"), [(ROWS, 1_000), (1, BYTES)])
def test_a_full_file_becomes_a_part_of_the_output_as_it_is(folder, rows, size):
    full = WholeFile(0, 0, rows, size, folder / "known-00000.jsonl")
    assert list(small_files_opened([full])) == [full]
