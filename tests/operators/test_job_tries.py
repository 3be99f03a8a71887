"""What a retry, a clear and changed rows do to a job: each row is paid once, and answered."""

import asyncio
import errno
import json
import os
import shutil
import time
from contextlib import nullcontext
from itertools import count
from threading import Timer

import pytest
from airflows import TaskDeferred
from operators.conftest import JobTries, texts

from airflow_provider_groq.compat import AirflowFailException
from airflow_provider_groq.exceptions import GroqError, GroqLookupError, GroqStorageError
from airflow_provider_groq.hooks.groq import GroqHook

SHARDS = [[f"row-{n}" for n in range(3)], [f"row-{n}" for n in range(3, 6)], ["row-6", "row-7"]]


def other_order(count=8):
    return list(reversed(texts(count)))


@pytest.fixture
def crashed(job, monkeypatch):
    """Runs a try whose disk is full when its answers are to be landed."""

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def crash(**options):
        with monkeypatch.context() as patch:
            patch.setattr("airflow_provider_groq.operators.job.ending.write_parts", full)
            with pytest.raises(GroqStorageError, match=r"output_path .*No space left on device"):
                job.run(**options)

    return crash


def test_a_retry_sends_what_was_sealed_and_does_not_ask_for_the_rows_again(job, crashed):
    calls = []

    def rows():
        calls.append(1)
        return texts(8) if len(calls) == 1 else other_order()

    crashed(rows=rows, delete_files=False)
    job.run(rows=rows, delete_files=False)
    assert calls == [1]
    assert job.sent() == SHARDS
    assert [answer["custom_id"] for answer in job.answers()] == [f"row-{n}" for n in range(8)]


def test_what_cannot_be_read_of_the_work_folder_while_landing_is_not_blamed_on_the_output(job, crashed):
    """Kept answers are read while the output is written."""
    crashed(delete_files=False)
    (summary, *_) = job.work.rglob("*.summary.json")
    content = summary.read_bytes()
    summary.unlink()
    summary.mkdir()
    with pytest.raises(GroqStorageError, match=f"work_path {job.work}: .*IsADirectoryError"):
        job.run(delete_files=False, max_rounds=1)
    summary.rmdir()
    summary.write_bytes(content)
    assert job.run(delete_files=False, max_rounds=1)["rows"]["succeeded"] == 8


def test_a_try_that_finds_its_own_output_returns_it(job):
    manifest = job.run(delete_files=False)
    requests = len(job.emulator.requests())
    assert job.run(delete_files=False) == manifest
    assert job.emulator.requests()[requests:] == []


def test_a_clear_of_a_success_with_the_same_rows_lands_them_again_and_pays_nothing(job):
    job.run(delete_files=False)
    before = job.answers()
    job.clear()
    manifest = job.run(delete_files=False)
    assert job.sent() == SHARDS
    assert job.answers() == before
    assert manifest["reused"] == 8


def test_a_clear_of_a_success_with_other_rows_sends_only_those_that_are_new(job):
    job.run(delete_files=False)
    job.clear()
    job.run(delete_files=False, rows=list(reversed(texts(10))))
    assert job.sent() == [["row-9", "row-8"], *SHARDS] or job.sent() == [*SHARDS, ["row-9", "row-8"]]
    assert [answer["custom_id"] for answer in job.answers()] == [f"row-{n}" for n in reversed(range(10))]
    assert [answer["index"] for answer in job.answers()] == list(range(10))


def samples(*names):
    """Rows that ask the same."""
    return [{"custom_id": name, "text": "thing"} for name in names]


def numbered(job):
    """Each request is answered with a number of its own."""
    number = count(1)
    job.emulator.answer_with(lambda _: str(next(number)))


def test_after_a_clear_samples_of_one_prompt_keep_their_own_answers(job):
    """A row that is new gets the answer of one that is not there any more, and then one of its own."""
    numbered(job)
    job.run(delete_files=False, rows=samples("a", "b", "c"))
    before = {answer["custom_id"]: answer["output"] for answer in job.answers()}
    assert sorted(before.values()) == ["1", "2", "3"]
    job.clear()
    manifest = job.run(delete_files=False, rows=samples("new", "c", "newer", "a"))
    after = {answer["custom_id"]: answer["output"] for answer in job.answers()}
    assert after == {"a": before["a"], "c": before["c"], "new": before["b"], "newer": "4"}
    assert (manifest["reused"], job.sent()[-1]) == (3, ["newer"])


def test_a_sample_that_failed_is_sent_again_though_others_have_answers(job):
    numbered(job)
    job.emulator.set(failing_requests={"b": 422})
    with pytest.raises(AirflowFailException):
        job.run(delete_files=False, rows=samples("a", "b", "c"))
    job.emulator.set(failing_requests={})
    job.clear()
    assert job.run(delete_files=False, rows=samples("a", "b", "c"))["rows"]["succeeded"] == 3
    assert len({answer["output"] for answer in job.answers()}) == 3
    assert job.sent()[-1] == ["b"]


@pytest.mark.parametrize("names", [("a", "b", "new"), ("a", "new", "newer"), ("newer", "new", "b")])
@pytest.mark.parametrize("lands", [True, False])
def test_an_answer_that_a_try_gave_to_another_row_serves_one_row(job, crashed, names, lands):
    """The try that gave it does not land, and the next clear has other rows."""
    numbered(job)
    rows = samples("a", "b")
    if lands:
        job.run(delete_files=False, rows=rows)
    else:
        crashed(delete_files=False, rows=rows)
    job.clear()
    crashed(delete_files=False, rows=samples("a", "new"))
    job.clear()
    job.run(delete_files=False, rows=samples(*names))
    assert len({answer["output"] for answer in job.answers()}) == 3
    assert sum(map(len, job.sent())) == 3


def test_after_a_start_over_the_answers_of_before_it_count_no_more(job, crashed):
    numbered(job)
    crashed(delete_files=False, rows=samples("a"))
    job.clear()
    crashed(delete_files=False, rows=samples("a"), reattach=False)
    job.clear()
    job.run(delete_files=False, rows=samples("a", "b"))
    assert [answer["output"] for answer in job.answers()] == ["2", "3"]


def test_an_answer_of_another_row_says_under_which_id_it_was_sent(job):
    numbered(job)
    job.run(delete_files=False, rows=samples("a"))
    for name, sent_as in (("b", "a"), ("c", "a"), ("a", None)):
        job.clear()
        job.run(delete_files=False, rows=samples(name))
        (answer,) = job.answers()
        assert (answer["custom_id"], answer.get("sent_as"), answer["output"]) == (name, sent_as, "1")


def test_a_clear_of_a_failure_sends_what_failed_again(job):
    job.emulator.set(failing_requests={"row-3": 422})
    with pytest.raises(AirflowFailException):
        job.run(delete_files=False)
    job.emulator.set(failing_requests={})
    job.clear()
    assert job.run(delete_files=False)["rows"]["succeeded"] == 8
    assert sorted(job.sent()) == sorted([*SHARDS, ["row-3"]])


def test_a_clear_while_batches_run_with_the_same_rows_goes_on_with_them(job, crashed):
    crashed(delete_files=False)
    job.clear()
    assert job.run(delete_files=False)["rows"]["succeeded"] == 8
    assert job.sent() == SHARDS


def test_a_clear_while_batches_run_with_other_rows_cancels_them_and_uses_what_they_answered(stored_job):
    job = stored_job
    job.emulator.set(seconds=1000, cancelling_seconds=0)
    with pytest.raises(TaskDeferred):
        job.run(deferrable=True, delete_files=False)
    job.emulator.advance(500)
    done = sum(batch["request_counts"]["completed"] for batch in job.emulator.batches())
    assert 0 < done < 8
    job.clear()
    job.emulator.set(seconds=0)
    rows = [*texts(8), {"custom_id": "new", "text": "new thing"}]
    manifest = job.run(rows=rows, delete_files=False)
    assert manifest["rows"]["succeeded"] == 9
    assert {batch["status"] for batch in job.emulator.batches()} == {"cancelled", "completed"}
    assert sum(batch["request_counts"]["completed"] for batch in job.emulator.batches()) == 9


def test_without_reattachment_a_clear_cancels_what_still_runs(job):
    job.emulator.set(seconds=1000, cancelling_seconds=0)
    with pytest.raises(TaskDeferred):
        job.run(deferrable=True, delete_files=False, reattach=False)
    job.clear()
    job.emulator.set(seconds=0)
    assert job.run(delete_files=False, reattach=False)["rows"]["succeeded"] == 8
    assert [batch["status"] for batch in job.emulator.batches()] == [*3 * ["cancelled"], *3 * ["completed"]]


def test_a_clear_with_other_rows_defers_until_what_runs_is_cancelled(stored_job):
    """A cancelling takes up to 10 minutes; these batches had not begun, and have neither counts nor files."""
    job = stored_job
    job.emulator.set(seconds=1000, cancelling_seconds=600)
    with pytest.raises(TaskDeferred):
        job.run(deferrable=True, delete_files=False)
    job.clear()
    options = {"rows": [{"custom_id": "new", "text": "new thing"}], "deferrable": True, "delete_files": False}
    with pytest.raises(TaskDeferred) as deferred:
        job.run(**options)
    assert {batch["status"] for batch in job.emulator.batches()} == {"cancelling"}
    job.emulator.set(seconds=0)
    job.emulator.advance(600)

    async def event():
        (event,) = [event async for event in deferred.value.trigger.run()]
        return event.payload

    manifest = job.operator(**options).execute_complete(job.context(), asyncio.run(event()))
    assert manifest["rows"]["succeeded"] == 1
    assert sorted(batch["status"] for batch in job.emulator.batches()) == [*3 * ["cancelled"], "completed"]


def test_with_reattach_false_a_clear_begins_anew_and_a_retry_goes_on(job, crashed):
    crashed(delete_files=False, reattach=False)
    job.run(delete_files=False, reattach=False)
    assert job.sent() == SHARDS
    job.clear()
    assert job.run(delete_files=False, reattach=False)["reused"] == 0
    assert sorted(job.sent()) == sorted([*SHARDS, *SHARDS])


def test_another_worker_without_the_folder_sends_nothing(job, crashed):
    crashed(delete_files=False)
    shutil.rmtree(job.output)
    with pytest.raises(
        GroqLookupError, match=r"work folder .*_groq_.* does not exist here. Did another worker write it"
    ):
        job.run(delete_files=False)
    assert job.sent() == SHARDS


def test_a_try_after_the_deadline_lands_what_there_is_and_sends_nothing(job):
    job.emulator.set(seconds=1000, cancelling_seconds=0)
    with pytest.raises(TaskDeferred):
        job.run(deferrable=True, timeout=2, delete_files=False)
    job.emulator.advance(500)
    time.sleep(2)
    with pytest.raises(AirflowFailException, match=r"\d of 8 rows failed: \d with batch_cancelled"):
        job.run(deferrable=True, timeout=2, delete_files=False, max_failed_ratio=0.1)
    assert job.sent() == SHARDS
    assert {answer["status"] for answer in job.answers()} == {"succeeded", "cancelled"}
    assert {batch["status"] for batch in job.emulator.batches()} == {"cancelled"}


def test_a_batch_that_fails_for_a_transient_cause_is_made_again_and_is_no_round(job, monkeypatch):
    monkeypatch.setattr("airflow_provider_groq.operators.job.batches.PAUSES", (1.0, 1.0))
    job.emulator.set(outcome="failed")
    Timer(0.5, lambda: job.emulator.set(outcome="completed")).start()
    manifest = job.run(delete_files=False)
    assert [(sent["round"], sent["rows"], sent["succeeded"]) for sent in manifest["rounds"]] == [(1, 8, 8)]


def test_a_result_file_that_is_gone_is_an_error_and_nothing_is_sent_again_until_the_user_starts_over(job):
    job.emulator.set(seconds=1000)
    with pytest.raises(TaskDeferred):
        job.run(deferrable=True, delete_files=False)
    job.emulator.advance(2000)
    job.emulator.set(seconds=0)
    batch = job.emulator.batches()[1]
    with GroqHook() as hook:
        hook.delete_file(batch["output_file_id"])
    gone = (
        f"no longer has file {batch['output_file_id']} with results of batch {batch['id']}: .* delete .* {job.work} and"
    )
    for again in (lambda: None, job.clear):
        again()
        with pytest.raises(AirflowFailException, match=gone):
            job.run(delete_files=False)
    assert job.sent() == SHARDS
    assert not (job.output / "manifest.json").exists()
    shutil.rmtree(job.work)
    job.clear()
    assert job.run(delete_files=False)["rows"]["succeeded"] == 8
    assert len(job.emulator.batches()) == 6


def test_an_output_folder_of_another_task_is_refused_before_anything_is_paid(job, groq_emulator):
    job.run(delete_files=False)
    path = job.output / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {"job": manifest["job"] | {"task_id": "other"}}))
    job.clear()
    sent = len(groq_emulator.requests("POST"))
    with pytest.raises(AirflowFailException, match="holds the output of task 'other'"):
        job.run()
    path.write_text('{"something": "else"}')
    with pytest.raises(AirflowFailException, match="not a manifest of airflow-provider-groq"):
        job.run()
    assert len(groq_emulator.requests("POST")) == sent


@pytest.mark.parametrize("change", [lambda content: content[:-100], lambda content: content.replace(b"\n", b" ", 1)])
def test_kept_answers_that_were_changed_are_an_error_until_they_are_deleted(job, crashed, change):
    crashed(delete_files=False)
    (path,) = job.work.glob("*/answers-1-00001.jsonl")
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(GroqStorageError, match=r"kept in .*answers-1-00001.jsonl cannot be read: it .*delete it and"):
        job.run(delete_files=False)
    assert not (job.output / "manifest.json").exists()
    path.unlink()
    assert job.run(delete_files=False)["rows"]["succeeded"] == 8
    assert job.sent() == SHARDS


def test_another_job_at_work_in_the_same_folder_is_refused(job, crashed):
    crashed(delete_files=False)
    folder = job.work
    seal = json.loads((folder / "job.json").read_text())
    other = folder.with_name("_groq_000000000000")
    shutil.copytree(folder, other)
    (other / "job.json").write_text(json.dumps(seal | {"task": seal["task"] | {"run_id": "yesterday"}}))
    with pytest.raises(
        AirflowFailException, match=r"_groq_000000000000 is the work folder of another job .*'yesterday'"
    ):
        job.run(delete_files=False)


@pytest.mark.parametrize(("cut", "version"), [(20, None), (None, 9)])
def test_a_seal_that_cannot_be_read_ends_the_task_and_pays_nothing(job, crashed, cut, version):
    crashed(delete_files=False)
    path = job.work / "job.json"
    content = path.read_text()
    path.write_text(content[:cut] if cut else json.dumps(json.loads(content) | {"version": version}))
    with pytest.raises(AirflowFailException, match=r"job.json is the seal of a job"):
        job.run(delete_files=False)
    assert job.sent() == SHARDS


def test_a_superseded_try_seals_and_sends_nothing(groq_emulator, quick, tmp_path):
    job = JobTries(groq_emulator, tmp_path / "answers")
    context = None

    def rows():
        context["task_state_store"].given_up = True
        return texts(3)

    job._number = 1
    context = job.context()
    with pytest.raises(GroqError, match="gave up this try"):
        job.operator(rows=rows).execute(context)
    assert groq_emulator.requests("POST") == []
    assert not [*job.output.glob("_groq_*/job.json")]


@pytest.mark.parametrize("ended", [True, False], ids=["which has landed", "which is under way"])
def test_a_try_that_another_one_overtakes_while_it_reads_its_rows_pays_nothing(groq_emulator, quick, tmp_path, ended):
    """Below Airflow 3.3 it cannot ask whether it still counts."""
    groq_emulator.set(seconds=0 if ended else 1000)
    job = JobTries(groq_emulator, tmp_path / "answers", stored=False)

    def rows():
        with nullcontext() if ended else pytest.raises(TaskDeferred):
            job.run(deferrable=True, delete_files=False)
        yield from other_order()

    # What it has spooled is gone with the work folder, if the other has landed.
    with pytest.raises(AirflowFailException if ended else TaskDeferred):
        job.run(rows=rows, deferrable=True, delete_files=False)
    assert job.sent() == SHARDS


def test_a_run_that_was_deleted_and_made_again_reads_its_rows_anew(job):
    """Its first try finds the output of a run of the same name. What was answered there is not paid again."""
    job.run(delete_files=False)
    again = JobTries(job.emulator, job.output)
    manifest = again.run(delete_files=False, rows=[*texts(2), {"custom_id": "new", "text": "new thing"}])
    assert [answer["custom_id"] for answer in job.answers()] == ["row-0", "row-1", "new"]
    assert (manifest["rows"]["total"], manifest["reused"]) == (3, 2)
    assert ["new"] in job.sent()
    assert len(job.sent()) == 4
