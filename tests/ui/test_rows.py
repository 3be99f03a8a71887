"""What is shown of batches: pace, time left, and the sum of those of one task."""

import pytest

from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.ui.rows import batch_row, group_row, groups_of, has_status

NOW = 10_000.0


def batch(batch_id="batch_1", status="in_progress", *, total=100, completed=40, failed=0, **fields):
    counts = {"total": total, "completed": completed, "failed": failed}
    return Batch(id=batch_id, status=status, request_counts=counts, **{"created_at": 9_000, **fields})


def sum_of(*batches):
    return group_row(batches, owners={}, dags={}, may_cancel=frozenset(), now=NOW)["sum"]


def shard(name, attempt, **fields):
    return batch(name, metadata={"airflow_task": "t", "airflow_input": name[0], "airflow_round": attempt}, **fields)


def test_pace_and_time_left_count_from_when_groq_began():
    row = batch_row(batch(in_progress_at=9_400, failed=10), now=NOW)
    assert (row["done"], row["per_minute"], row["seconds_left"]) == (50, 5.0, 600.0)


@pytest.mark.parametrize(
    "fields",
    [
        {"completed": 0, "in_progress_at": 9_400},
        {"created_at": None},
        {"in_progress_at": 20_000},
        {"total": 0, "completed": 0},
    ],
    ids=["nothing done", "no times", "a clock ahead of ours", "no counts"],
)
def test_what_is_not_known_is_not_made_up(fields):
    row = batch_row(batch(**fields), now=NOW)
    assert (row["per_minute"], row["seconds_left"]) == (None, None)


def test_a_time_that_no_browser_can_show_is_left_out():
    """As of a server that sends microseconds."""
    row = batch_row(batch(created_at=1_700_000_000_000_000, expires_at=-5), now=NOW)
    assert (row["created_at"], row["expires_at"]) == (None, None)


@pytest.mark.parametrize(
    ("status", "ended"),
    [("completed", "completed_at"), ("failed", "failed_at"), ("expired", "expired_at"), ("cancelled", "cancelled_at")],
)
def test_a_batch_that_has_ended_has_the_pace_that_it_had_and_nothing_left(status, ended):
    row = batch_row(batch(status=status, in_progress_at=9_000, **{ended: 9_600}), now=NOW)
    assert (row["per_minute"], row["seconds_left"], row["ended_at"]) == (4.0, None, 9_600)
    assert row["ended"]


@pytest.mark.parametrize("status", ["validating", "finalizing", "cancelling", "something new"])
def test_nothing_is_left_to_tell_of_a_batch_that_is_not_worked_on(status):
    row = batch_row(batch(status=status, in_progress_at=9_400), now=NOW)
    assert (row["seconds_left"], row["ended"], row["note"]) == (None, False, "")


def test_what_happened_to_a_batch_that_ended_badly_is_what_its_task_would_say():
    errors = [{"code": "invalid", "message": "no JSON", "line": 3}]
    assert "line 3: no JSON" in batch_row(batch(status="failed", errors=errors), now=NOW)["note"]
    assert "was cancelled" in batch_row(batch(status="cancelled"), now=NOW)["note"]
    assert batch_row(batch(status="completed", completed=100, output_file_id="f"), now=NOW)["note"] == ""


def test_batches_of_one_task_stand_where_the_newest_of_them_does():
    of_task, other = {"metadata": {"airflow_task": "t"}}, {"metadata": {"airflow_task": "batch_4"}}
    newest_first = [batch("5", **of_task), batch("batch_4"), batch("3", **of_task), batch("2"), batch("1", **other)]
    assert [[each.id for each in group] for group in groups_of(newest_first)] == [["5", "3"], ["batch_4"], ["2"], ["1"]]


def test_a_sum_adds_rounds_and_counts_of_attempts_the_newest():
    total = sum_of(
        shard("b2", "f.1.2", completed=10),
        shard("a", "f.2.1", total=5, completed=5, status="completed"),
        shard("b1", "f.1.1", completed=0, status="failed"),
        shard("a", "f.1.1", completed=90, failed=10, status="completed", completed_at=9_500),
    )
    assert (total["total"], total["done"], total["failed"]) == (205, 115, 10)
    assert total["statuses"] == {"in_progress": 1, "completed": 2, "failed": 1}
    assert not total["ended"]


def test_a_sum_has_the_pace_of_what_is_worked_on():
    total = sum_of(
        shard("a", "f.1.1", in_progress_at=9_400),
        shard("b", "f.1.1", in_progress_at=9_400),
        shard("c", "f.1.1", status="validating", completed=0),
    )
    assert (total["per_minute"], total["seconds_left"]) == (8.0, 1650.0)


def test_a_sum_of_what_has_ended_says_when():
    total = sum_of(
        *(shard(name, "f.1.1", status="completed", completed_at=at) for name, at in (("a", 9_500), ("b", 9_700)))
    )
    assert (total["ended"], total["ended_at"], total["seconds_left"]) == (True, 9_700, None)


@pytest.mark.parametrize(
    ("wanted", "found"), [("", True), ("open", True), ("ended", False), ("in_progress", True), ("x", False)]
)
def test_a_filter_names_a_status_or_a_kind_of_them(wanted, found):
    assert has_status(batch(), wanted) == found
