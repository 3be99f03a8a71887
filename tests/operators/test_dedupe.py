"""``dedupe``: rows that ask the same are sent once, and each has an answer of its own."""

import errno
import json
import os
from collections import Counter
from contextlib import nullcontext
from itertools import count

import pytest
from airflows import TaskDeferred
from operators.conftest import LARGE, SMALL, JobTries

from airflow_provider_groq.answers import read_answers
from airflow_provider_groq.compat import AirflowFailException
from airflow_provider_groq.exceptions import GroqStorageError

CRASHES = "airflow_provider_groq.operators.job.ending.write_parts"


def asking(*words):
    """A row for each word, which it asks; the number of the row is carried along."""
    return [{"custom_id": f"row-{number}", "text": word, "n": number} for number, word in enumerate(words)]


MIXED = asking("a", "b", "a", "c", "a", "b", "d", "a")


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def echo(stored_job):
    """A job whose answers are the questions, in capitals."""
    stored_job.emulator.answer_with(lambda request: request["body"]["messages"][-1]["content"].upper())
    return stored_job


def sent_rows(job):
    return [custom_id for batch in job.sent() for custom_id in batch]


def test_equal_rows_are_sent_once_and_each_has_an_answer_of_its_own(echo, capsys):
    manifest = echo.run(rows=MIXED, dedupe=True, delete_files=False)
    assert echo.sent() == [["row-0", "row-1", "row-3"], ["row-6"]]
    answers = echo.answers()
    assert [answer["custom_id"] for answer in answers] == [f"row-{number}" for number in range(8)]
    assert [answer["index"] for answer in answers] == list(range(8))
    assert [answer["output"] for answer in answers] == [f"WHAT IS {row['text'].upper()}?" for row in MIXED]
    assert [answer["input"] for answer in answers] == [{"text": row["text"], "n": row["n"]} for row in MIXED]
    assert [answer.get("same_as") for answer in answers] == [
        *[None, None, "row-0", None, "row-0", "row-1", None, "row-0"]
    ]
    assert [answer.same_as for answer in read_answers(manifest)] == [answer.get("same_as") for answer in answers]
    assert (manifest["rows"]["total"], manifest["rows"]["succeeded"], manifest["duplicates"]) == (8, 8, 4)
    (round_,) = manifest["rounds"]
    assert (round_["rows"], round_["succeeded"]) == (4, 4)
    paid = sum(answer["usage"]["total_tokens"] for answer in answers if "same_as" not in answer)
    assert manifest["tokens"][SMALL]["total_tokens"] == paid
    assert "4 rows have the same request as another row, and are not sent (dedupe)." in capsys.readouterr().out


def test_what_is_the_same_is_so_to_the_byte_and_for_the_same_model(echo):
    rows = [{"prompt": "a"}, {"prompt": "a "}, {"prompt": "a", "request": {"model": LARGE}}, {"prompt": "a", "x": 1}]
    manifest = echo.run(rows=rows, prompt_template=None, dedupe=True)
    assert [answer.get("same_as") for answer in echo.answers()] == [None, None, None, "row-0"]
    assert manifest["duplicates"] == 1


def test_by_default_equal_rows_are_samples(echo):
    assert echo.run(rows=MIXED, delete_files=False)["duplicates"] == 0
    assert len(sent_rows(echo)) == 8


def test_without_equal_rows_nothing_changes(job):
    manifest = job.run(dedupe=True, delete_files=False)
    assert job.sent() == [[f"row-{n}" for n in range(3)], [f"row-{n}" for n in range(3, 6)], ["row-6", "row-7"]]
    assert (manifest["rows"]["succeeded"], manifest["duplicates"]) == (8, 0)


def test_an_original_that_failed_is_sent_again_once_and_its_duplicates_follow(echo):
    echo.emulator.set(failing_requests={"row-0": {"error": 498, "times": 1}, "row-1": 422})
    with pytest.raises(AirflowFailException, match=r"2 of 8 rows failed: 2 with 422.* such as row-1"):
        echo.run(rows=MIXED, dedupe=True, delete_files=False)
    assert echo.sent() == [["row-0", "row-1", "row-3"], ["row-6"], ["row-0"]]
    answers = echo.answers()
    assert [answer["round"] for answer in answers] == [2, 1, 2, 1, 2, 1, 1, 2]
    assert [answer["status"] for answer in answers] == [
        *["succeeded", "failed", "succeeded", "succeeded", "succeeded", "failed", "succeeded", "succeeded"]
    ]
    echo.emulator.set(failing_requests={})
    echo.clear()
    assert echo.run(rows=MIXED, dedupe=True, delete_files=False)["rows"]["succeeded"] == 8
    assert sent_rows(echo).count("row-1") == 2
    assert echo.answers()[5]["custom_id"] == "row-5"


def test_with_reuse_what_is_known_is_not_sent_at_all(echo, tmp_path):
    echo.run(rows=asking("a", "x"), dedupe=True)
    other = JobTries(echo.emulator, tmp_path / "other", run_id="other")
    manifest = other.run(rows=MIXED, dedupe=True, reuse=str(echo.output), delete_files=False)
    assert sent_rows(other) == ["row-1", "row-3", "row-6"]
    assert (manifest["reused"], manifest["duplicates"]) == (4, 1)
    assert {answer["custom_id"]: answer.get("same_as") for answer in other.answers() if "reused_from" in answer} == {
        "row-0": None,
        "row-2": None,
        "row-4": None,
        "row-7": None,
    }
    third = JobTries(echo.emulator, tmp_path / "third", run_id="third")
    assert third.run(rows=MIXED, reuse=str(other.output))["reused"] == 8
    assert all("same_as" not in answer for answer in third.answers())


@pytest.mark.parametrize("dedupe", [True, False])
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("crashed", [True, False], ids=["while it is under way", "after it has landed"])
@pytest.mark.parametrize("more", [[], asking("a", "new", "new")], ids=["the same rows", "other rows"])
def test_a_clear_pays_for_nothing_that_is_answered_whatever_dedupe_was(
    echo, monkeypatch, before, dedupe, crashed, more
):
    if crashed:
        with monkeypatch.context() as patch:
            patch.setattr(CRASHES, full)
            with pytest.raises(GroqStorageError):
                echo.run(rows=MIXED, dedupe=before, delete_files=False)
    else:
        echo.run(rows=MIXED, dedupe=before, delete_files=False)
    sent = sent_rows(echo)
    assert len(sent) == (4 if before else 8)
    echo.clear()
    rows = [*MIXED, *({**row, "custom_id": f"more-{n}"} for n, row in enumerate(more))]
    manifest = echo.run(rows=rows, dedupe=dedupe, delete_files=False)
    new = [custom_id for custom_id in sent_rows(echo) if custom_id.startswith("more-")]
    assert len(sent_rows(echo)) - len(sent) == len(new)
    # The first asks what has an answer, which serves it where rows share answers, or did and are not landed.
    expected = ["more-1"] if dedupe else ["more-1", "more-2"] if before and crashed else ["more-0", "more-1", "more-2"]
    assert new == (expected if more else [])
    assert manifest["rows"]["succeeded"] == len(rows)
    assert [answer["output"] for answer in echo.answers()] == [f"WHAT IS {row['text'].upper()}?" for row in rows]


def test_rows_that_shared_an_answer_keep_it_after_clears_and_say_so(echo):
    echo.run(rows=MIXED, dedupe=True, delete_files=False)
    before = echo.answers()
    assert sum("same_as" in answer for answer in before) == 4
    for dedupe in (True, False):
        echo.clear()
        assert echo.run(rows=MIXED, dedupe=dedupe, delete_files=False)["reused"] == 8
        assert echo.answers() == before


@pytest.mark.parametrize("crashed", [True, False], ids=["not landed", "landed"])
def test_a_new_row_that_shares_an_answer_after_a_clear_keeps_it_after_further_clears(echo, monkeypatch, crashed):
    """In the second case it shares one that rows shared before the clear; the job had not landed."""
    rows = asking("a", "a")
    with monkeypatch.context() as patch:
        if crashed:
            patch.setattr(CRASHES, full)
        with pytest.raises(GroqStorageError) if crashed else nullcontext():
            echo.run(rows=rows, dedupe=True, delete_files=False)
    rows = asking("a", "a", "a")
    for dedupe in (not crashed, False, False):
        echo.clear()
        manifest = echo.run(rows=rows, dedupe=dedupe, delete_files=False)
        assert (manifest["reused"], [answer.get("same_as") for answer in echo.answers()]) == (
            3,
            [None, "row-0", "row-0"],
        )
    assert sent_rows(echo) == ["row-0"]


def test_samples_that_are_paid_stay_where_dedupe_is_set_later(echo):
    number = count(1)
    echo.emulator.answer_with(lambda _: str(next(number)))
    rows = asking("a", "a", "a")
    echo.run(rows=rows, delete_files=False)
    before = echo.answers()
    echo.clear()
    manifest = echo.run(rows=[*rows, {"custom_id": "new", "text": rows[0]["text"]}], dedupe=True, delete_files=False)
    assert echo.answers()[:3] == before
    assert (manifest["reused"], len({answer["output"] for answer in before})) == (4, 3)


def test_without_answers_from_before_no_line_tells_of_them(echo, capsys):
    echo.run(rows=MIXED, dedupe=True, delete_files=False)
    said = capsys.readouterr().out
    assert "4 rows have the same request as another row, and are not sent (dedupe)." in said
    assert "already have an answer" not in said


def test_after_a_clear_with_dedupe_equal_rows_that_failed_before_are_sent_once(echo, monkeypatch):
    """Without it they were sent each, and the job is not landed yet."""
    echo.emulator.set(failing_requests={f"row-{number}": 498 for number in range(8)})
    with monkeypatch.context() as patch:
        patch.setattr(CRASHES, full)
        with pytest.raises(GroqStorageError):
            echo.run(rows=MIXED, delete_files=False, max_rounds=1)
    echo.emulator.set(failing_requests={})
    before = len(sent_rows(echo))
    echo.clear()
    assert echo.run(rows=MIXED, dedupe=True, delete_files=False)["rows"]["succeeded"] == 8
    assert len(sent_rows(echo)) == before + 4


def test_a_retry_keeps_to_what_was_sealed(echo, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("airflow_provider_groq.operators.job.rounds._seal", full)
        with pytest.raises(OSError, match="No space"):
            echo.run(rows=MIXED, dedupe=True, delete_files=False)
    manifest = echo.run(rows=MIXED, dedupe=False, delete_files=False)
    assert (manifest["duplicates"], len(sent_rows(echo))) == (4, 4)


def test_rows_that_were_not_sent_leave_their_duplicates_without_an_answer_too(echo):
    echo.emulator.set(failing_requests={"row-0": 422})
    with pytest.raises(AirflowFailException, match="canary failed"):
        echo.run(rows=MIXED, dedupe=True, canary=1)
    assert Counter(answer["status"] for answer in echo.answers()) == {"failed": 4, "not_sent": 4}
    assert echo.answers()[5]["same_as"] == "row-1"


def test_a_job_under_way_with_other_dedupe_is_cancelled_and_what_it_answered_counts(echo):
    echo.emulator.set(seconds=1000, cancelling_seconds=0)
    with pytest.raises(TaskDeferred):
        echo.run(rows=MIXED, deferrable=True, delete_files=False)
    echo.clear()
    echo.emulator.set(seconds=0)
    assert echo.run(rows=MIXED, dedupe=True, delete_files=False)["rows"]["succeeded"] == 8
    completed = sum(batch["request_counts"]["completed"] for batch in echo.emulator.batches())
    assert completed == 4


def test_a_dry_run_tells_duplicates(echo):
    told = echo.run(rows=MIXED, dedupe=True, dry_run=True)
    assert (told["rows"], told["to_send"], told["duplicates"], told["shards"]) == (8, 4, 4, 2)


def test_a_work_folder_in_which_duplicates_are_cut_off_is_named_with_a_remedy(echo, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(CRASHES, full)
        with pytest.raises(GroqStorageError):
            echo.run(rows=MIXED, dedupe=True, delete_files=False)
    (duplicates,) = echo.work.glob("*/round-1-*/duplicates.jsonl")
    lines = duplicates.read_bytes().splitlines(keepends=True)
    duplicates.write_bytes(b"".join(lines[:-1]) + b"[1,")
    with pytest.raises(GroqStorageError, match=r"A line of duplicates cannot be read.*run the task again"):
        echo.run(rows=MIXED, dedupe=True, delete_files=False)
    duplicates.write_bytes(b"".join(lines[:-1]))
    with pytest.raises(GroqStorageError, match=r"No round has an answer to row 7 of 8.*run the task again"):
        echo.run(rows=MIXED, dedupe=True, delete_files=False)


def test_landing_again_gives_the_same_bytes(echo, monkeypatch):
    landed = []
    with monkeypatch.context() as patch:

        def keep(lines, *_):
            landed.append(b"".join(lines))
            raise OSError(errno.ENOSPC, "full")

        patch.setattr(CRASHES, keep)
        for _ in range(2):
            with pytest.raises(GroqStorageError):
                echo.run(rows=MIXED, dedupe=True, delete_files=False)
    assert landed[0] == landed[1]
    assert len(landed[0].splitlines()) == 8
    assert json.loads(landed[0].splitlines()[7])["same_as"] == "row-0"


def test_rows_without_any_text_of_their_own(echo):
    """Ids that the job gives, and no carried columns."""
    manifest = echo.run(rows=["a", "a", "b"], prompt_template=None, dedupe=True)
    assert [answer["custom_id"] for answer in echo.answers()] == ["row-0", "row-1", "row-2"]
    assert [answer["input"] for answer in echo.answers()] == [None, None, None]
    assert manifest["duplicates"] == 1
