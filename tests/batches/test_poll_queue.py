"""Which waits are asked for together, and how many smaller requests there are; with no clock but the one it is told."""

import random

import pytest

from airflow_provider_groq.batches import poll_queue
from airflow_provider_groq.batches.poll_queue import GROUP, PARTS_PER_SECOND, PARTS_SAVED, PollQueue
from airflow_provider_groq.batches.polling import Poller


@pytest.fixture
def queue():
    return PollQueue()


@pytest.fixture
def join(queue):
    """Adds a wait that is due, and whose last so many requests failed."""

    def join(name, due=0.0, spoiled=0):
        wait = queue.join(Poller(name, poll_interval=20, end_time=1e9, now=0))
        wait.spoiled = spoiled
        queue.push(wait, due)
        return wait

    return join


def names(group):
    return [wait.poller.batch_id for wait in group]


def test_nothing_is_due_where_nobody_waits(queue):
    assert queue.first_due() == float("inf")
    assert queue.pop(100, 100) == []


def test_those_due_are_asked_for_in_their_order_and_up_to_a_request_full(queue, join):
    for number in range(GROUP + 1):
        join(str(number), due=GROUP - number)
    join("later", due=1000)
    assert queue.first_due() == 0
    assert names(queue.pop(500, 500)) == [str(number) for number in range(GROUP, 0, -1)]
    assert names(queue.pop(500, 500)) == ["0"]
    assert queue.first_due() == 1000


def test_waits_for_one_batch_take_the_place_of_one(queue, join):
    for number in range(2 * GROUP):
        join(str(number // 2))
    assert len(queue.pop(0, 0)) == 2 * GROUP


def test_who_has_left_or_is_due_at_another_time_is_not_asked_for(queue, join):
    left, moved, stays = join("left"), join("moved"), join("stays", due=1)
    queue.leave(left)
    queue.push(moved, 50)
    assert left not in queue
    assert queue.first_due() == 1
    assert names(queue.pop(10, 10)) == ["stays"]
    assert queue.waits() == [moved, stays]


@pytest.mark.parametrize(("spoiled", "size"), [(0, 200), (2, 200), (3, 50), (4, 12), (5, 3), (6, 1), (7, 200), (9, 1)])
def test_requests_get_smaller_with_each_failure(queue, join, spoiled, size):
    """In the end a batch that fails even alone is asked for with others of its kind, and alone every third time."""
    waits = [join(str(number), spoiled=spoiled) for number in range(GROUP + 1)]
    queue.answered(join("good", due=1e9), 0)
    assert len(queue.pop(0, 0)) == size
    assert not any(wait.crowded for wait in waits)


def test_no_request_gets_smaller_while_none_is_answered(queue, join):
    waits = [join(str(number), spoiled=3) for number in range(GROUP)]
    assert queue.pop(0, 0) == waits
    assert all(wait.crowded for wait in waits)


def test_those_who_fail_are_not_asked_for_with_those_who_do_not(queue, join):
    queue.answered(join("good"), 0)
    for spoiled in range(10):
        join(f"bad {spoiled}", due=1.0, spoiled=spoiled)
    assert names(queue.pop(2, 2)) == ["good", "bad 0", "bad 1", "bad 2"]


@pytest.mark.parametrize("seed", range(5))
def test_whatever_fails_there_is_a_bound_to_the_smaller_requests_that_fail(queue, join, seed):
    """Those that are answered cost nothing: they find out which batch is at fault."""
    numbers = random.Random(seed)
    good = join("good", due=1e9)
    waits = [join(str(number)) for number in range(1000)]
    failed = 0
    for now in range(1000):
        queue.answered(good, now)
        while queue.first_due() <= now:
            group = queue.pop(now, now)
            assert len(group) <= GROUP
            part = queue._is_part(group[0])
            if answered := numbers.random() < 0.3:
                queue.answered(group[0], now)
            failed += part and not answered
            for wait in group:
                wait.spoiled = 0 if answered else wait.spoiled + (not wait.crowded)
                queue.push(wait, now + numbers.randint(1, 60))
    assert len(queue.waits()) == len(waits) + 1
    assert 0.5 * PARTS_PER_SECOND * 1000 <= failed <= PARTS_SAVED + PARTS_PER_SECOND * 1000


def test_the_loop_asks_for_no_more_than_groq_takes():
    from airflow_provider_groq.api.calls import MAX_IDS

    assert poll_queue.GROUP == MAX_IDS
