"""Batches of a job whose requests stand in none of its seals are an error; those of before a clear are not."""

import errno
import os
import shutil

import pytest
from airflows import TaskDeferred
from operators.conftest import LARGE, JobTries, texts

from airflow_provider_groq.exceptions import GroqLookupError, GroqStorageError
from airflow_provider_groq.hooks.groq import GroqHook

OPTIONS = {"delete_files": False}
STRAY = r"Groq has batch .* of this task, but its requests are in no seal .* that does not share that folder"


def rival(job, folder):
    """The same task instance on a worker with a folder of its own."""
    other = JobTries(job.emulator, folder, stored=False)
    other._number, other._max_tries = job._number, job._max_tries
    return other


def begin_twice(job, folder):
    """While a retry reads its rows, the try that was taken for lost sends its own, in another order, elsewhere."""

    def rows():
        with pytest.raises(TaskDeferred):
            rival(job, folder).run(rows=list(reversed(texts(8))), deferrable=True, **OPTIONS)
        yield from texts(8)

    with pytest.raises(LookupError):
        job.run(rows=no_rows, **OPTIONS)
    job.emulator.set(seconds=1000)
    with pytest.raises(GroqLookupError, match=STRAY):
        job.run(rows=rows, **OPTIONS)


def test_batches_that_another_try_made_elsewhere_are_an_error_and_never_paid_again(job, tmp_path):
    begin_twice(job, tmp_path / "other")
    with pytest.raises(GroqLookupError, match=STRAY):
        job.run(**OPTIONS)
    assert len(job.emulator.batches()) == 3


def test_a_clear_goes_on_without_them(job, tmp_path):
    begin_twice(job, tmp_path / "other")
    job.emulator.set(seconds=0)
    job.clear()
    assert job.run(**OPTIONS)["rows"]["succeeded"] == 8
    assert len(job.emulator.batches()) == 6


def test_those_that_were_cancelled_before_they_cost_anything_are_none(job, tmp_path):
    begin_twice(job, tmp_path / "other")
    job.emulator.set(seconds=0, cancelling_seconds=0)
    with GroqHook() as hook:
        for batch in job.emulator.batches():
            hook.cancel_batch(batch["id"])
    assert job.run(**OPTIONS)["rows"]["succeeded"] == 8


def no_rows():
    raise LookupError("no such table")


@pytest.mark.parametrize("reattach", [True, False])
def test_batches_of_before_a_clear_that_were_landed_or_given_up_are_none(job, reattach):
    """A retry of a clear whose rows could not be read finds neither seal nor those batches in the manifest."""
    job.emulator.set(seconds=1000, cancelling_seconds=0)
    with pytest.raises(TaskDeferred):
        job.run(deferrable=True, reattach=reattach, **OPTIONS)
    job.emulator.advance(500)
    job.clear()
    job.emulator.set(seconds=0)
    job.run(rows=list(reversed(texts(9))), reattach=reattach, **OPTIONS)
    job.clear()
    with pytest.raises(LookupError):
        job.run(rows=no_rows, reattach=reattach, **OPTIONS)
    manifest = job.run(rows=texts(9), reattach=reattach, **OPTIONS)
    assert (manifest["rows"]["succeeded"], manifest["reused"]) == (9, 9 if reattach else 0)


def test_a_round_whose_seal_is_lost_is_not_paid_again(job, monkeypatch):
    """Its requests were chosen by another try, with other parameters."""
    job.emulator.answer_with(lambda request: "good" if request["body"]["model"] == LARGE else {"$error": 498})
    with monkeypatch.context() as patch:
        patch.setattr("airflow_provider_groq.operators.job.ending.write_parts", full)
        with pytest.raises(GroqStorageError):
            job.run(escalate=[{"model": LARGE}], **OPTIONS)
    for path in job.work.glob("*/*-2*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    sent = len(job.emulator.batches())
    with pytest.raises(GroqLookupError, match=STRAY):
        job.run(escalate=[{"model": LARGE, "temperature": 0}], **OPTIONS)
    assert len(job.emulator.batches()) == sent


def full(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
