"""`POST /batches/{id}/cancel`, which takes time."""

import pytest


def cancel(account, batch):
    return account.http.post(f"/batches/{batch['id']}/cancel")


def test_cancelling_takes_time_and_leaves_what_was_done(groq_emulator, account, line):
    groq_emulator.set(seconds=1000, cancelling_seconds=600)
    batch = account.submit(*(line(str(number)) for number in range(10)))
    groq_emulator.advance(510)
    answer = cancel(account, batch)
    assert answer.status_code == 200
    assert answer.json()["status"] == "cancelling"
    assert answer.json()["cancelling_at"] == pytest.approx(batch["created_at"] + 510, abs=1)
    groq_emulator.advance(590)
    cancelling = account.batch(batch["id"])
    assert cancelling["status"] == "cancelling"
    assert cancelling["output_file_id"] is None
    groq_emulator.advance(20)
    cancelled = account.batch(batch["id"])
    assert cancelled["status"] == "cancelled"
    assert cancelled["cancelled_at"] == pytest.approx(cancelled["cancelling_at"] + 600, abs=1)
    assert cancelled["completed_at"] is None
    assert cancelled["request_counts"] == cancelling["request_counts"] == {"total": 10, "completed": 5, "failed": 0}
    answered, rest = account.output(cancelled), account.errors(cancelled)
    assert (len(answered), len(rest)) == (5, 5)
    assert {entry["error"]["code"] for entry in rest.values()} == {"batch_cancelled"}


def test_a_batch_cancelled_while_validating_has_no_files(groq_emulator, account):
    batch = account.submit()
    cancel(account, batch)
    groq_emulator.advance(60)
    batch = account.batch(batch["id"])
    assert batch["status"] == "cancelled"
    assert (batch["in_progress_at"], batch["output_file_id"], batch["error_file_id"]) == (None, None, None)
    assert batch["request_counts"]["total"] == 0


def test_a_batch_cancelled_while_finalizing_has_all_answers(groq_emulator, account, line):
    groq_emulator.set(seconds=1000)
    batch = account.submit(line("a"), line("b"))
    groq_emulator.advance(950)
    cancel(account, batch)
    groq_emulator.advance(60)
    batch = account.batch(batch["id"])
    assert (batch["status"], len(account.output(batch)), batch["error_file_id"]) == ("cancelled", 2, None)


def test_cancelling_twice_is_no_error_and_changes_nothing(groq_emulator, account):
    groq_emulator.set(cancelling_seconds=100)
    batch = account.submit()
    first = cancel(account, batch).json()
    groq_emulator.advance(50)
    assert cancel(account, batch).json() == first


@pytest.mark.parametrize("status", ["completed", "failed", "expired", "cancelled"])
def test_what_has_ended_cannot_be_cancelled(groq_emulator, account, status):
    batch = account.submit()
    before = groq_emulator.force_status(batch["id"], status)
    answer = cancel(account, batch)
    assert answer.status_code == 400
    assert f"'{status}'" in answer.json()["error"]["message"]
    assert account.batch(batch["id"]) == before


def test_an_unknown_batch_is_not_found(account):
    answer = account.http.post("/batches/batch_01nothing/cancel")
    assert answer.status_code == 404
    assert "batch_01nothing" in answer.json()["error"]["message"]
