"""What a task's page shows of its batches, how often it is written, and that nothing hangs on it."""

import logging

import pytest
from tries import context_of

from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.batches.events import WaitEnd
from airflow_provider_groq.submission.last_seen import EVERY, EVERY_AT_FAULT, LastSeen, show_ends

START = 1_700_000_000.0
SEEN_AT = "2023-11-14 22:13:20 UTC"


def batch(number=1, status="in_progress", counts=(50, 28, 1)):
    counted = dict(zip(("total", "completed", "failed"), counts, strict=True))
    return Batch.model_validate({"id": f"batch_{number}", "status": status, "request_counts": counted})


class Clock:
    """The time."""

    now = START

    def time(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("airflow_provider_groq.submission.last_seen.time", clock)
    return clock


def test_one_batch(context, store, clock):
    seen = LastSeen(context, ["batch_1"])
    seen.saw(batch())
    seen.write()
    shown = {"batch_id": "batch_1", "status": "in_progress", "done": 29, "failed": 1, "total": 50}
    assert store.rows == {"groq_status": shown | {"seen_at": SEEN_AT}}


def test_a_batch_that_groq_has_not_counted_yet(context, store, clock):
    seen = LastSeen(context, ["batch_1"])
    seen.saw(batch(status="validating", counts=(0, 0, 0)))
    seen.write()
    assert store.rows["groq_status"] == {"batch_id": "batch_1", "status": "validating", "seen_at": SEEN_AT}


def test_many_batches_are_summed_and_the_first_are_named(context, store, clock):
    seen = LastSeen(context)
    seen.begin([f"batch_{number}" for number in range(200)], round=2)
    for number in range(150):
        seen.saw(batch(number, "completed" if number < 30 else "in_progress"))
    seen.write()
    shown = store.rows["groq_status"]
    assert shown.pop("batch_ids") == [f"batch_{number}" for number in range(50)]
    statuses = {"completed": 30, "in_progress": 120, "not seen yet": 50}
    counts = {"done": 29 * 150, "failed": 150, "total": 50 * 150}
    assert shown == {"round": 2, "batches": 200, "status": statuses, **counts, "seen_at": SEEN_AT}


def test_it_is_written_once_a_minute_at_most_and_says_when_it_was_seen(context, store, clock):
    seen, written = LastSeen(context, ["batch_1"]), []
    for second in range(0, 600, 5):
        clock.now = START + second
        seen.saw(batch(counts=(1000, second, 0)))
        seen.write()
        if store.rows.pop("groq_status", None):
            written.append(second)
    assert written == [*range(0, 600, int(EVERY))]


def test_at_the_end_it_is_written_at_once_unless_it_stands_there_already(context, store, clock):
    seen = LastSeen(context, ["batch_1"])
    seen.saw(batch())
    seen.write()
    seen.saw(batch(status="completed"))
    seen.write(now=True, waiting="for nothing")
    assert (store.rows["groq_status"]["status"], store.rows["groq_status"]["waiting"]) == ("completed", "for nothing")
    store.rows.clear()
    seen.write(now=True, waiting="for nothing")
    assert store.rows == {}


def test_ends_are_shown_as_far_as_batches_have_ended(context, store, clock):
    ended = WaitEnd(batch_id="batch_1", reason="terminal", batch=batch(status="completed"))
    show_ends(context, [ended, WaitEnd(batch_id="batch_2", reason="timeout", message="late")])
    assert store.rows["groq_status"]["status"] == {"completed": 1, "not ended": 1}


def test_where_no_batch_has_ended_what_was_last_seen_stays_but_nobody_waits_any_longer(context, store, clock):
    store.rows["groq_status"] = {"status": "in_progress", "waiting": "in the triggerer", "batch_id": "batch_1"}
    late = [WaitEnd(batch_id="batch_1", reason="timeout", message="late")]
    show_ends(context, late)
    assert store.rows == {"groq_status": {"status": "in_progress", "batch_id": "batch_1"}}
    store.broken = True
    show_ends(context, late)


@pytest.mark.parametrize("value", ["text", {"status": "in_progress"}, None])
def test_what_says_of_no_waiting_is_not_written_again(context, store, clock, value):
    store.rows |= {} if value is None else {"groq_status": value}
    before = dict(store.rows)
    show_ends(context, [WaitEnd(batch_id="batch_1", reason="timeout", message="late")])
    assert store.rows == before


def test_a_batch_that_is_not_waited_for_is_not_shown(context, store, clock):
    seen = LastSeen(context, ["batch_1"])
    seen.saw(batch(2))
    seen.write()
    assert store.rows["groq_status"] == {"batch_id": "batch_1", "status": "not seen yet"}


@pytest.mark.parametrize("fault", ["broken", "given_up", "orphaned"])
def test_a_store_that_does_not_take_it_holds_nothing_up(context, store, clock, fault, caplog):
    setattr(store, fault, True)
    seen = LastSeen(context, ["batch_1"])
    with caplog.at_level(logging.INFO):
        for second in range(0, int(EVERY_AT_FAULT), 10):
            clock.now = START + second
            seen.saw(batch(counts=(1000, second, 0)))
            seen.write()
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert "could not be shown on the task's page" in caplog.text
    setattr(store, fault, False)
    clock.now = START + EVERY_AT_FAULT
    seen.write()
    assert store.rows["groq_status"]["done"] == 590


def test_below_airflow_3_3_nothing_is_written(ti, clock, caplog):
    """Nor is it tried, which would be logged."""
    caplog.set_level("INFO")
    seen = LastSeen(context_of(ti, ti.start_date), ["batch_1"])
    seen.saw(batch())
    seen.write(now=True)
    assert caplog.text == ""
