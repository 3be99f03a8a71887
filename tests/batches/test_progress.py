"""What a wait says of its batch: what is new, and no more."""

import logging

import pytest

from airflow_provider_groq.batches.polling import Poller

START = 1_700_000_000.0
HOUR = 3600.0


def poller():
    return Poller("batch_1", poll_interval=10.0, end_time=START + HOUR, now=START)


def test_a_new_status_is_told_at_once_and_counts_once_a_minute(make):
    """Or once an interval, if that is longer."""
    poller_ = poller()
    told = [
        (0, make("validating"), "Batch batch_1: validating."),
        (2, make("validating"), ""),
        (4, make(counts=(100, 0, 0)), "Batch batch_1: in_progress, 0 of 100 requests done (0%), 0 failed."),
        (9, make(counts=(100, 5, 0)), ""),
        (63, make(counts=(100, 8, 2)), ""),
        (
            64,
            make(counts=(100, 8, 2)),
            "Batch batch_1: in_progress, 10 of 100 requests done (10%), 2 failed, 10 a minute, about 9 min left.",
        ),
        (124, make(counts=(100, 8, 2)), ""),
        (
            126,
            make("finalizing", (100, 90, 10)),
            "Batch batch_1: finalizing, 100 of 100 requests done (100%), 10 failed.",
        ),
        (
            127,
            make("completed", (100, 90, 10)),
            "Batch batch_1: completed, 100 of 100 requests done (100%), 10 failed.",
        ),
    ]
    for waited, batch, news in told:
        step = poller_.on_batch(batch, START + waited)
        assert (step.news, step.level) == (news, logging.INFO)


def test_counts_are_told_no_more_often_than_asked_for(make):
    poller_ = Poller("batch_1", poll_interval=100.0, end_time=START + HOUR, now=START)
    told = [poller_.on_batch(make(counts=(1000, waited, 0)), START + waited).news for waited in (0, 90, 100, 190, 200)]
    assert [bool(news) for news in told] == [True, False, True, False, True]


@pytest.mark.parametrize(
    ("done", "seconds", "left"),
    [
        (50, 60, "about 60 s left"),
        (50, 119, "about 119 s left"),
        (50, 600, "about 10 min left"),
        (50, 3500, "about 58 min left"),
        (1, 100, "about 3 h left"),
        (1, 3000, "about 3 days left"),
        (100, 60, None),
    ],
)
def test_how_long_it_will_take_is_told_in_words(make, done, seconds, left):
    poller_ = poller()
    poller_.on_batch(make(counts=(100, 0, 0)), START)
    news = poller_.on_batch(make(counts=(100, done, 0)), START + seconds).news
    assert news.endswith(f", {left}." if left else "0 failed.")


def test_an_unknown_status_is_told_once_and_waited_on(make):
    poller_ = poller()
    steps = [poller_.on_batch(make("paused"), START + waited) for waited in range(0, 1000, 20)]
    assert steps[0].news == ("Batch batch_1: paused. This status is unknown; waiting until the deadline.")
    assert steps[0].level == logging.WARNING
    assert not any(step.news for step in steps[1:])
    assert not any(step.end for step in steps)
    end = poller_.on_batch(make("paused"), START + HOUR).end
    assert end.reason == "timeout"
    assert "its last known status was paused" in end.message


def test_a_status_that_comes_and_goes_is_told_each_time(make):
    poller_ = poller()
    steps = [poller_.on_batch(make(status), START) for status in ("paused", "in_progress", "paused", "in_progress")]
    assert [step.level for step in steps] == [logging.WARNING, logging.INFO] * 2
    assert all(step.news for step in steps)
