"""Answers kept until the landing: most are copied without being read again, and that changes nothing."""

import json
import tempfile
from functools import partial
from itertools import chain
from pathlib import Path

import pytest
from airflow.sdk import ObjectStoragePath
from hypothesis import given
from hypothesis import strategies as st
from jobs.output.test_manifest import PRICES
from jobs.result_lines import MODEL, alone, harvested, records, refused, said, summary_of
from jobs.results.test_merge import jobs

from airflow_provider_groq.exceptions import GroqStorageError
from airflow_provider_groq.jobs import files as job_files
from airflow_provider_groq.jobs.output.manifest import Accounts
from airflow_provider_groq.jobs.results import merge as merging
from airflow_provider_groq.jobs.results.answer_lines import read_head
from airflow_provider_groq.jobs.results.kept import KeptFile, Run, WholeFile, opened
from airflow_provider_groq.jobs.results.merge import merge
from airflow_provider_groq.jobs.results.outcomes import is_sent_again


def keep(folder, name, found, written):
    """A file of kept answers."""
    kept = KeptFile(ObjectStoragePath(f"file://{folder}/{name}"))

    def fill(sink):
        sink.write(written)
        return found.summary

    kept.write(fill)
    return kept


def landed(answers, accounts, rows):
    """What lands, and the manifest."""
    lines = [
        some.lines if isinstance(some, Run) else some for some in opened(accounts.count(merge(answers, rows=rows)))
    ]
    return b"".join(lines), accounts.manifest(path="", job={}, batches=[], times={}, parts=[], prices=PRICES)


def runs_of(kept, number=1, accounts=None):
    summary = kept.summary()
    if accounts:
        accounts.count_usage(number, summary)
    return kept.runs(summary, round=number)


def split(sent, size):
    return [sent[start : start + size] for start in range(0, len(sent), size)]


@given(jobs(), st.integers(1, 9), st.sampled_from([20, 2000, 1 << 18]))
def test_what_is_landed_and_counted_is_the_same_as_if_each_line_were_read(job, shard_size, read_bytes):
    """With each round in shards, read in blocks of any size."""
    rows, rounds = job
    everyone = records([f"row-{n}" for n in range(rows)])
    plain, kept, counted, accounts = {}, {}, Accounts(), Accounts()
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(job_files, "READ_BYTES", read_bytes)
        for number, (kinds, lines, _) in enumerate(rounds, 1):
            sent = [record for record in everyone if record.index in kinds]
            parts = [harvested(shard, lines, round=number) for shard in split(sent, shard_size)]
            answers = [line for part in parts for line in part[2].splitlines(keepends=True)]
            plain[number] = alone(answers, number)
            counted.count_usage(number, summary_of(answers))
            files = [keep(folder, f"{number}-{shard}", found, part) for shard, (found, _, part) in enumerate(parts)]
            kept[number] = chain.from_iterable(map(partial(runs_of, number=number, accounts=accounts), files))
        assert landed(kept, accounts, rows) == landed(plain, counted, rows)


@given(jobs(), st.booleans())
def test_the_summary_says_which_rows_are_sent_again(job, changed):
    rows, ((kinds, lines, _), *_) = job
    found, _, written = harvested([f"row-{n}" for n in range(rows) if n in kinds], lines)
    heads = [read_head(line) for line in written.splitlines(keepends=True)]
    again = [head.index for head in heads if is_sent_again(head, changed=changed)]
    assert found.summary.sent_again(changed=changed) == again
    assert sum(count for _, count in found.summary.ranges) == len(heads)


def test_rows_that_succeeded_are_given_together_and_not_read(tmp_path, monkeypatch):
    rows = [f"row-{n}" for n in range(50)]
    lines = [refused(row) if row in {"row-7", "row-30"} else said(row) for row in rows]
    later = harvested(records(["row-7"], start=7), [said("row-7")], round=2)
    read = []
    monkeypatch.setattr(merging, "read_head", lambda line: read.append(line) or read_head(line))
    runs = {
        1: runs_of(keep(tmp_path, "1", *harvested(rows, lines)[::2])),
        2: runs_of(keep(tmp_path, "2", *later[::2]), 2),
    }
    found = [(row.first, row.rows) if isinstance(row, Run) else row.best.head.index for row in merge(runs, rows=50)]
    assert found == [(0, 7), 7, (8, 22), 30, (31, 19)]
    assert len(read) == 3


def test_a_whole_answer_that_another_round_brings_again_is_read_and_counted_once(tmp_path):
    """No round sends such a row; if one did, the job would still land."""
    accounts = Accounts()
    first = keep(tmp_path, "1", *harvested(["a", "b", "c"], [said("a"), said("b", "1"), said("c")])[::2])
    later = keep(tmp_path, "2", *harvested(records(["b"], start=1), [said("b", "2")], round=2)[::2])
    lines, manifest = landed({1: runs_of(first, 1, accounts), 2: runs_of(later, 2, accounts)}, accounts, 3)
    assert [json.loads(line)["output"] for line in lines.splitlines()] == ["Yes.", "1", "Yes."]
    assert manifest["tokens"][MODEL]["total_tokens"] == 4 * 90
    assert [(sent["rows"], sent["succeeded"]) for sent in manifest["rounds"]] == [(3, 3), (1, 1)]
    assert [sent["tokens"][MODEL]["total_tokens"] for sent in manifest["rounds"]] == [3 * 90, 90]


def test_a_file_of_whole_answers_is_given_as_it_is_unless_another_round_has_one_of_its_rows(tmp_path):
    def whole(number, start):
        rows = [f"row-{n}" for n in range(start, start + 3)]
        return keep(
            tmp_path, f"{number}-{start}", *harvested(records(rows, start=start), map(said, rows), round=number)[::2]
        )

    first, second = whole(1, 0), whole(1, 3)
    size = second.path.stat().st_size
    alone = list(merge({1: chain(runs_of(first), runs_of(second))}, rows=6))
    assert alone == [WholeFile(1, 0, 3, size, first.path), WholeFile(1, 3, 3, size, second.path)]
    later = keep(tmp_path, "2", *harvested(records(["row-1"], start=1), [said("row-1")], round=2)[::2])
    found = list(merge({1: chain(runs_of(first), runs_of(second)), 2: runs_of(later, 2)}, rows=6))
    assert [(row.first, row.rows) if isinstance(row, Run) else row for row in (found[0], found[2])] == [(0, 1), (2, 1)]
    assert (found[1].best.head.index, found[3]) == (1, alone[1])


def test_answers_without_their_summary_are_none(tmp_path):
    """A process was killed between the two files, or one of them was deleted."""
    kept = keep(tmp_path, "1.jsonl", *harvested(["a"], [said("a")])[::2])
    files = [tmp_path / "1.jsonl", tmp_path / "1.summary.json"]
    assert sorted(tmp_path.iterdir()) == files
    for file in files:
        content = file.read_bytes()
        file.unlink()
        assert not kept.exists()
        file.write_bytes(content)
        assert kept.exists()


def test_what_cannot_be_written_leaves_nothing(tmp_path):
    kept = KeptFile(ObjectStoragePath(f"file://{tmp_path}/1.jsonl"))

    def fill(sink):
        sink.write(b"some")
        raise OSError("such as a full disk")

    with pytest.raises(OSError, match="full disk"):
        kept.write(fill)
    assert list(tmp_path.iterdir()) == []


CHANGES = {
    "cut in an answer": lambda content: content[:100],
    "cut after an answer": lambda content: content[: content.index(b"\n") + 1],
    "empty": lambda _: b"",
    "without its first answer": lambda content: content[content.index(b"\n") + 1 :],
    "longer": lambda content: b"x" + content,
    "with a line less": lambda content: content.replace(b"\n", b" ", 1),
    "with a line more": lambda content: content.replace(b"Yes.", b"Ye\n.", 1),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_file_that_was_cut_off_or_changed_is_an_error(tmp_path, change):
    kept = keep(tmp_path, "kept", *harvested(["a", "b", "c"], [said("a"), said("b"), said("c")])[::2])
    file = Path(tmp_path, "kept")
    assert sum(run.rows for run in opened(runs_of(kept))) == 3
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(GroqStorageError, match=r"kept in .*/kept cannot be read: it .*run the task again"):
        list(opened(runs_of(kept)))


@pytest.mark.parametrize("damaged", [b"", b'{"bytes": 3', b"\xff{}", b"[]"])
def test_a_damaged_summary_is_an_error(tmp_path, damaged):
    kept = keep(tmp_path, "kept", *harvested(["a"], [said("a")])[::2])
    Path(tmp_path, "kept.summary.json").write_bytes(damaged)
    with pytest.raises(GroqStorageError, match=r"kept in .*/kept cannot be read: their summary .*run the task again"):
        kept.summary()


def test_a_row_of_another_number_in_a_run_is_an_error_where_it_is_read():
    def run(numbers):
        lines = b"".join(harvested(records(["a"], start=number), [said("a")])[2] for number in numbers)
        return [Run(1, 0, len(numbers), lines, True)]

    later = harvested(records(["a"], start=1), [said("a")], round=2)[2]
    with pytest.raises(GroqStorageError, match="round 1 hold row 5 .*row 1 was expected"):
        list(merge({1: run([0, 5]), 2: alone([later], 2)}, rows=2))
