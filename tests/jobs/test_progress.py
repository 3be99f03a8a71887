"""One line for all batches of a job, once a minute at most, and what is odd among them, sooner."""

import logging
from itertools import pairwise

import pytest

from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.batches.events import WaitEnd
from airflow_provider_groq.exceptions import GroqAPIError, GroqTransportError
from airflow_provider_groq.jobs.progress import Progress

START = 1_700_000_000.0
DAY = 86_400.0


def batch(number, status="in_progress", counts=(0, 0, 0), **fields):
    described = {"id": f"batch_{number}", "status": status}
    described["request_counts"] = dict(zip(("total", "completed", "failed"), counts, strict=True))
    return Batch.model_validate(described | fields)


class Job:
    """Some batches, polled all at once."""

    def __init__(self, number, *, poll_interval=60.0, total_rows=None):
        ids = [f"batch_{n}" for n in range(number)]
        self.progress = Progress(ids, poll_interval=poll_interval, now=START, total_rows=total_rows)
        self.pollers = [self.progress.poller(batch_id, end_time=START + DAY) for batch_id in ids]
        self.ended = set()

    def poll(self, waited, batches, *, last=False):
        """Poll all, and return what is said: lines, with the name of their level unless that is INFO."""
        for poller, seen in zip(self.pollers, batches, strict=True):
            if poller in self.ended:
                continue
            if isinstance(seen, Exception):
                step = poller.on_error(seen, START + waited)
            else:
                step = poller.on_batch(seen, START + waited)
            assert not step.news
            if step.end:
                self.ended.add(poller)
                self.progress.end(step.end)
        return self.said(waited, last=last)

    def said(self, waited, *, last=False):
        told = self.progress.news(START + waited, last=last)
        return [line if level == logging.INFO else f"{logging.getLevelName(level)}: {line}" for level, line in told]


def test_one_line_tells_of_all_batches():
    job = Job(200, total_rows=1_000_000)
    first = job.poll(0, [batch(n, counts=(5000, 0, 0)) for n in range(200)])
    assert first == ["0 of 1,000,000 rows (0 %), 0 of 200 batches ended, 0 failed"]
    ended = [batch(n, "completed", (5000, 4968, 32), output_file_id="o", error_file_id="e") for n in range(38)]
    others = [batch(n, counts=(5000, 1372, 0)) for n in range(38, 200)]
    assert job.poll(480, [*ended, *others]) == [
        "412,264 of 1,000,000 rows (41 %), 38 of 200 batches ended, 1,216 failed, 51,533 a minute, about 11 min left"
    ]


def test_without_a_number_of_rows_it_is_what_groq_has_counted_once_it_has_counted_all():
    job = Job(2)
    assert job.poll(0, [batch(0, counts=(10, 4, 1)), batch(1, "validating")]) == [
        "5 rows done, 0 of 2 batches ended, 1 failed"
    ]
    (line,) = job.poll(100, [batch(0, counts=(10, 4, 1)), batch(1, counts=(10, 0, 0))])
    assert line == "5 of 20 rows (25 %), 0 of 2 batches ended, 1 failed"


def test_the_share_is_whole_only_when_all_is_done():
    job = Job(1, total_rows=1000)
    (line,) = job.poll(0, [batch(0, counts=(1000, 999, 0))])
    assert "999 of 1,000 rows (99 %)" in line


@pytest.mark.parametrize(("poll_interval", "longest"), [(5.0, 60.0), (60.0, 60.0), (600.0, 600.0)])
def test_lines_come_on_change_and_once_a_minute_at_most(poll_interval, longest):
    """Where batches are polled less often than that, with increasing pauses."""
    job = Job(1, poll_interval=poll_interval)
    told = [waited for waited in range(3600) if job.poll(waited, [batch(0, counts=(10_000, waited, 0))])]
    pauses = [later - earlier for earlier, later in pairwise(told)]
    assert (told[0], pauses[0], max(pauses)) == (0, 60, longest)
    assert pauses == sorted(pauses)
    same = [batch(0, counts=(10_000, 3599, 0))]
    assert sum(len(job.poll(waited, same)) for waited in range(3600, 6000)) == 1


def test_the_last_line_does_not_wait():
    job = Job(2)
    job.poll(0, [batch(0), batch(1)])
    done = [batch(n, "completed", (1, 1, 0), output_file_id="o") for n in range(2)]
    assert job.poll(1, done) == []
    assert job.said(1, last=True) == ["2 of 2 rows (100 %), 2 of 2 batches ended, 0 failed, 120 a minute"]
    assert job.said(2, last=True) == []


def test_batches_that_fail_are_told_with_the_reason_and_of_many_the_first_few():
    errors = [{"code": "invalid", "message": "No such file.", "line": 3}, {"code": "invalid"}]
    job = Job(8)
    job.poll(0, [batch(n, "validating") for n in range(8)])
    told = job.poll(10, [*(batch(n, "failed", errors=errors) for n in range(7)), batch(7)])
    assert told[0] == "WARNING: Batch batch_0: failed. line 3: invalid: No such file. (and 1 more)"
    assert len(told) == 5 + 1
    assert told[5] == "WARNING: 2 batches (batch_5, batch_6) did not end well either."
    assert job.said(60) == ["0 rows done, 7 of 8 batches ended, 0 failed"]
    assert job.poll(120, [batch(n, "failed") for n in range(8)])[:-1] == ["WARNING: Batch batch_7: failed."]


def test_the_pace_does_not_count_what_was_done_before_a_batch_was_first_seen():
    """As in a triggerer, and in the worker when the task is resumed."""
    job = Job(3, total_rows=300)
    (line,) = job.poll(0, [batch(n, counts=(100, 50, 0)) for n in range(3)])
    assert line == "150 of 300 rows (50 %), 0 of 3 batches ended, 0 failed"
    (line,) = job.poll(60, [batch(n, counts=(100, 60, 0)) for n in range(3)])
    assert line.endswith(", 30 a minute, about 4 min left")


@pytest.mark.parametrize("status", ["expired", "cancelled"])
def test_batches_that_end_early_are_told(status):
    job = Job(1)
    told = job.poll(0, [batch(0, status, (10, 5, 0), output_file_id="o")])
    assert told[0] == f"WARNING: Batch batch_0: {status}, 5 of 10 requests done (50%), 0 failed."


def test_a_batch_that_is_stuck_in_validation_while_others_end_is_told_once():
    job = Job(3)
    stuck = [batch(0, "validating"), batch(1, "validating"), batch(2)]
    assert not [line for waited in range(0, 3600, 60) for line in job.poll(waited, stuck) if "WARNING" in line]
    stuck[2] = batch(2, "completed", (1, 1, 0), output_file_id="o")
    told = [line for waited in range(3600, 7200, 60) for line in job.poll(waited, stuck) if "WARNING" in line]
    (line,) = told
    assert line == (
        "WARNING: Still validating after 60 min, while 1 of 3 batches have ended: 2 batches (batch_0, batch_1). "
        "Waiting until the deadline."
    )


def test_a_batch_that_has_not_been_validating_for_long_is_not_told():
    job = Job(2)
    done = batch(1, "completed", (1, 1, 0), output_file_id="o")
    assert not [n for waited in range(0, 590, 60) for n in job.poll(waited, [batch(0, "validating"), done]) if ":" in n]


def test_an_outage_is_one_line_for_all_and_told_again_only_after_it_was_over():
    job = Job(200)
    seen = [batch(n) for n in range(200)]
    away = [GroqTransportError("Groq is away.")] * 200
    refused = [GroqAPIError(f"GET /batches/batch_{n}: 503", status_code=503) for n in range(200)]
    job.poll(0, seen)
    told = [line for waited in (100, 200, 300) for line in job.poll(waited, away)]
    (line,) = told
    assert line == (
        "WARNING: Could not be polled; retrying until the deadline: 200 batches (batch_0, batch_1, batch_2, "
        "batch_3, batch_4 and 195 more): Groq is away."
    )
    assert [len(job.poll(waited, refused)) for waited in (400, 500)] == [1, 0]
    assert job.poll(600, seen) == []
    assert len(job.poll(700, away)) == 1


def test_a_batch_that_nobody_may_ask_for_is_an_error():
    job = Job(2)
    told = job.poll(0, [GroqAPIError("No.", status_code=400), batch(1)])
    assert told[0] == "ERROR: Batch batch_0 can no longer be polled: No."


def test_an_unknown_status_is_told_once():
    job = Job(2)
    told = [line for waited in (0, 100) for line in job.poll(waited, [batch(0, "paused"), batch(1, "paused")])]
    assert [line for line in told if line.startswith("WARNING")] == [
        "WARNING: Batch batch_0: paused. This status is unknown; waiting until the deadline."
    ]


def test_a_wait_that_ends_before_a_batch_was_seen_does_not_count_it_as_ended():
    job = Job(2)
    job.progress.end(WaitEnd(batch_id="batch_0", reason="timeout", message="Too late."))
    assert job.said(0) == ["0 rows done, 0 of 2 batches ended, 0 failed"]


def test_nothing_is_told_before_anything_was_seen():
    assert Job(2).said(0) == []


def test_a_batch_that_is_not_waited_for_any_longer_has_not_ended():
    job = Job(2, total_rows=20)
    job.poll(0, [batch(0, counts=(10, 5, 0)), batch(1, counts=(10, 0, 0))])
    job.progress.end(WaitEnd(batch_id="batch_1", reason="timeout", message="Too late."))
    (line,) = job.poll(100, [batch(0, "completed", (10, 10, 0), output_file_id="o"), batch(1, counts=(10, 6, 0))])
    assert line.startswith("16 of 20 rows (80 %), 1 of 2 batches ended, 0 failed")
