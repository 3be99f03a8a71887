"""How a batch goes from one status to the next as time passes."""

import pytest

HOUR = 3600
STAMPS = [
    "in_progress_at",
    "finalizing_at",
    "completed_at",
    "failed_at",
    "expired_at",
    "cancelling_at",
    "cancelled_at",
]


def stamps(batch):
    """Return the times that a batch shows, relative to its creation."""
    return {name: batch[name] - batch["created_at"] for name in STAMPS if batch[name] is not None}


def test_a_batch_left_to_itself(groq_emulator, account, line):
    groq_emulator.set(seconds=1000)
    batch = account.submit(*(line(str(number)) for number in range(100)))
    seen = []
    for advance in (30, 500, 420, 60):
        groq_emulator.advance(advance)
        batch = account.batch(batch["id"])
        seen.append((batch["status"], batch["request_counts"]["total"], stamps(batch).keys()))
        assert (batch["output_file_id"] is None) == (batch["status"] != "completed")
    assert seen == [
        ("validating", 0, set()),
        ("in_progress", 100, {"in_progress_at"}),
        ("finalizing", 100, {"in_progress_at", "finalizing_at"}),
        ("completed", 100, {"in_progress_at", "finalizing_at", "completed_at"}),
    ]
    assert stamps(batch) == pytest.approx({"in_progress_at": 60, "finalizing_at": 940, "completed_at": 1000}, abs=1)
    assert batch["request_counts"] == {"total": 100, "completed": 100, "failed": 0}


def test_the_counts_grow_while_it_is_in_progress(groq_emulator, account, line):
    groq_emulator.set(seconds=1000)
    lines = [line(str(number), body={"model": "no-such-model"} if number % 4 == 0 else {}) for number in range(100)]
    batch = account.submit(*lines)
    groq_emulator.advance(60)
    done = []
    for _ in range(10):
        groq_emulator.advance(80)
        counts = account.batch(batch["id"])["request_counts"]
        assert counts["total"] == 100
        done.append(counts["completed"] + counts["failed"])
        assert abs(counts["failed"] - done[-1] / 4) < 10
    assert done == sorted(done)
    assert 5 < done[0] < 15
    assert 85 < done[-1] < 100
    groq_emulator.advance(200)
    assert account.batch(batch["id"])["request_counts"] == {"total": 100, "completed": 75, "failed": 25}


def test_what_has_ended_stays_as_it_is(groq_emulator, account):
    batch = account.finish()
    groq_emulator.advance(48 * HOUR)
    assert account.batch(batch["id"]) == batch


def test_a_batch_keeps_the_settings_that_it_was_created_under(groq_emulator, account):
    batch = account.submit()
    groq_emulator.set(seconds=10 * HOUR, models=["another"])
    groq_emulator.advance(60)
    assert account.batch(batch["id"])["request_counts"]["completed"] == 1


def test_a_batch_that_is_not_done_in_its_window_expires_with_what_it_has(groq_emulator, account, line):
    groq_emulator.set(seconds=40 * HOUR)
    batch = account.submit(*(line(str(number)) for number in range(10)))
    groq_emulator.advance(24 * HOUR - 60)
    assert account.batch(batch["id"])["status"] == "in_progress"
    groq_emulator.advance(120)
    batch = account.batch(batch["id"])
    assert batch["status"] == "expired"
    assert stamps(batch) == pytest.approx({"in_progress_at": 60, "expired_at": 24 * HOUR}, abs=1)
    assert batch["expired_at"] == batch["expires_at"]
    assert batch["request_counts"] == {"total": 10, "completed": 6, "failed": 0}
    answered, rest = account.output(batch), account.errors(batch)
    assert len(answered) == 6
    assert set(answered) | set(rest) == {str(number) for number in range(10)}
    assert all(entry["response"] is None for entry in rest.values())
    assert {entry["error"]["code"] for entry in rest.values()} == {"batch_expired"}


def test_a_longer_window_gives_more_time(groq_emulator, account):
    groq_emulator.set(seconds=40 * HOUR)
    batch = account.submit(completion_window="2d")
    groq_emulator.advance(41 * HOUR)
    assert account.batch(batch["id"])["status"] == "completed"


def test_a_batch_finalizing_when_its_window_ends_completes(groq_emulator, account):
    groq_emulator.set(seconds=24 * HOUR + 10)
    batch = account.submit()
    groq_emulator.advance(24 * HOUR + 5)
    assert account.batch(batch["id"])["status"] == "finalizing"
    groq_emulator.advance(10)
    assert account.batch(batch["id"])["status"] == "completed"


@pytest.mark.parametrize("seconds", [0, 30])
@pytest.mark.parametrize(
    ("settings", "counts"),
    [
        ({"outcome": "completed"}, {"total": 10, "completed": 10, "failed": 0}),
        ({"outcome": "failed"}, {"total": 0, "completed": 0, "failed": 0}),
        ({"outcome": "expired", "processed_share": 0}, {"total": 10, "completed": 0, "failed": 0}),
        ({"outcome": "expired"}, {"total": 10, "completed": 5, "failed": 0}),
        ({"outcome": "expired", "processed_share": 1}, {"total": 10, "completed": 10, "failed": 0}),
        ({"outcome": "cancelled", "processed_share": 0}, {"total": 10, "completed": 0, "failed": 0}),
        ({"outcome": "cancelled"}, {"total": 10, "completed": 5, "failed": 0}),
    ],
)
def test_the_outcome_of_batches_to_come_can_be_set(groq_emulator, account, line, settings, counts, seconds):
    groq_emulator.set(seconds=seconds, **settings)
    outcome = settings["outcome"]
    batch = account.submit(*(line(str(number)) for number in range(10)))
    assert batch["status"] == "validating"
    groq_emulator.advance(seconds)
    batch = account.batch(batch["id"])
    assert batch["status"] == outcome
    assert batch["request_counts"] == counts
    assert (batch["errors"] is not None) == (outcome == "failed")
    assert batch[f"{outcome}_at"] <= groq_emulator.now()
    if outcome == "expired":
        assert batch["expired_at"] == batch["expires_at"]
    lines = [
        entry for name in ("output_file_id", "error_file_id") if batch[name] for entry in account.lines(batch[name])
    ]
    assert len(lines) == (0 if outcome == "failed" else 10)


@pytest.mark.parametrize("outcome", ["expired", "cancelled", "completed"])
def test_an_invalid_input_fails_whatever_the_outcome_was_to_be(groq_emulator, account, outcome):
    groq_emulator.set(outcome=outcome)
    batch = account.finish(b"bad\n")
    assert batch["status"] == "failed"
    assert batch["errors"]["data"][0]["line"] == 1


def test_a_batch_to_be_cancelled_shows_that_it_is_being_cancelled(groq_emulator, account, line):
    groq_emulator.set(seconds=100, outcome="cancelled", cancelling_seconds=20)
    batch = account.submit(*(line(str(number)) for number in range(10)))
    seen = []
    for _ in range(3):
        groq_emulator.advance(35)
        seen.append(account.batch(batch["id"])["status"])
    assert seen == ["in_progress", "in_progress", "cancelled"]
    batch = account.batch(batch["id"])
    assert stamps(batch) == pytest.approx({"in_progress_at": 8, "cancelling_at": 80, "cancelled_at": 100}, abs=1)


@pytest.mark.parametrize("code", ["token_limit_exceeded", "server_error"])
def test_a_batch_can_fail_for_a_cause_that_passes(groq_emulator, account, code):
    groq_emulator.set(outcome=code)
    batch = account.finish()
    assert (batch["status"], batch["failed_at"] >= batch["created_at"]) == ("failed", True)
    (error,) = batch["errors"]["data"]
    assert (error["code"], error["line"]) == (code, None)
    assert batch["request_counts"] == {"total": 0, "completed": 0, "failed": 0}
    groq_emulator.set(outcome="completed")
    assert account.finish()["status"] == "completed"


def test_the_next_batches_can_each_have_an_outcome(groq_emulator, account, line):
    groq_emulator.set(outcomes=["server_error", "completed", "expired", "cancelled"], outcome="failed")
    lines = [line("a"), line("b")]
    statuses = [account.finish(*lines)["status"] for _ in range(6)]
    assert statuses == ["failed", "completed", "expired", "cancelled", "failed", "failed"]
    groq_emulator.set(outcomes=["completed"])
    assert account.finish()["status"] == "completed"
    groq_emulator.set(outcomes=["completed"])
    groq_emulator.reset()
    groq_emulator.set(outcome="failed")
    assert account.finish()["status"] == "failed", "a reset takes back what was left of them"


def test_results_can_be_named_late(groq_emulator, account, line):
    """As Groq does: `completed` for some seconds before the ids of the files are there."""
    groq_emulator.set(results_delay=30)
    batch = account.submit(line("a"), line("b", body={"model": "no-such-model"}))
    groq_emulator.advance(25)
    early = account.batch(batch["id"])
    assert (early["status"], early["request_counts"]["completed"]) == ("completed", 1)
    assert (early["output_file_id"], early["error_file_id"]) == (None, None)
    groq_emulator.advance(30)
    late = account.batch(batch["id"])
    assert (list(account.output(late)), list(account.errors(late))) == (["a"], ["b"])
