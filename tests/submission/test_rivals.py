"""Two processes of one task at once, as after a scheduler's reset, end with one running batch."""

import time
from datetime import timedelta

import pytest

from airflow_provider_groq.batches.events import BatchEvent, WaitEnd
from airflow_provider_groq.compat import AirflowFailException
from airflow_provider_groq.exceptions import TaskStoppedError


@pytest.fixture
def running(groq_emulator):
    """The batches that nobody has cancelled."""

    def running():
        return [batch["id"] for batch in groq_emulator.batches() if batch["status"] not in {"cancelling", "cancelled"}]

    groq_emulator.set(seconds=1000)
    return running


@pytest.mark.parametrize("how", ["given_up", "orphaned"])
def test_a_try_that_was_given_up_before_it_created_stops(stored_tries, groq_emulator, running, how):
    groq_emulator.fault("/files", method="POST", delay=0.6)
    end_of_first = stored_tries.begin()
    setattr(stored_tries.stores[0], how, True)
    second = stored_tries.run()
    assert isinstance(end_of_first(), TaskStoppedError)
    assert running() == [second]
    assert len(groq_emulator.batches()) == 1


PUT_OFF = [
    {"status": 429, "headers": {"Retry-After": "1"}},
    {"status": 503, "headers": {"Retry-After": "1"}},
]


@pytest.mark.parametrize("how", ["given_up", "orphaned"])
@pytest.mark.parametrize("fault", PUT_OFF, ids=lambda fault: fault["status"])
def test_a_try_that_was_given_up_while_groq_put_it_off_stops(stored_tries, groq_emulator, running, fault, how):
    fault_id = groq_emulator.fault("/batches", method="POST", times=None, **fault)
    end_of_first = stored_tries.begin()
    while not groq_emulator.requests("POST", "/batches"):
        time.sleep(0.01)
    setattr(stored_tries.stores[0], how, True)
    groq_emulator.remove_fault(fault_id)
    second = stored_tries.run()
    assert isinstance(end_of_first(), TaskStoppedError)
    assert [batch["id"] for batch in groq_emulator.batches()] == running() == [second]


@pytest.mark.parametrize("fault", [{"drop": "before"}, {"status": 404}], ids=["lost answer", "file not found"])
def test_a_creation_is_not_sent_again_by_a_try_that_was_given_up(stored_tries, groq_emulator, monkeypatch, fault):
    monkeypatch.setattr("airflow_provider_groq.batches.polling.FIRST_PAUSE", 1.0)
    monkeypatch.setattr("airflow_provider_groq.batches.polling.NOT_FOUND_GRACE", 5.0)
    groq_emulator.fault("/batches", method="POST", times=None, **fault)
    end_of_first = stored_tries.begin()
    while not groq_emulator.requests("POST", "/batches"):
        time.sleep(0.01)
    stored_tries.stores[0].given_up = True
    assert isinstance(end_of_first(), TaskStoppedError)
    assert len(groq_emulator.requests("POST", "/batches")) == 1


def test_a_try_that_was_given_up_while_it_created_goes_with_the_older_batch(stored_tries, groq_emulator, running):
    """The second try does not see the first one's batch when it looks, and makes the younger one."""
    groq_emulator.set(listing_delay=0.3)
    groq_emulator.fault("/batches", method="POST", delay=0.5)
    end_of_first = stored_tries.begin()
    while not groq_emulator.batches():
        time.sleep(0.01)
    stored_tries.stores[0].given_up = True
    stored_tries.forget()
    second = stored_tries.run()
    assert isinstance(end_of_first(), TaskStoppedError)
    assert running() == [second]
    assert len(groq_emulator.batches()) == 2
    assert second == groq_emulator.batches()[0]["id"]


def test_without_a_store_the_first_try_finds_out_too(bare_tries, groq_emulator, running, caplog):
    groq_emulator.fault("/files", method="POST", delay=0.6)
    end_of_first = bare_tries.begin()
    second = bare_tries.run()
    assert end_of_first() == second
    assert running() == [second]
    assert len(groq_emulator.batches()) == 2
    assert f"Resuming batch {second}, which another process created for this task." in caplog.text


@pytest.mark.parametrize("drop_metadata", [False, True])
def test_what_was_made_just_before_a_crash_is_waited_for_where_it_may_be_listed_late(
    tries, groq_emulator, running, drop_metadata
):
    groq_emulator.set(drop_metadata=drop_metadata)
    first = tries.run()
    groq_emulator.set(listing_delay=0.2)
    tries.forget_the_end()
    assert tries.run() == first
    assert len(groq_emulator.batches()) == 1


@pytest.mark.parametrize("count", [2, 3])
def test_doubles_that_are_found_later_are_cancelled(tries, groq_emulator, running, count):
    """Whoever made them was killed before it could."""
    groq_emulator.set(listing_delay=1000)
    made = []
    for _ in range(count):
        made.append(tries.run())
        tries.forget()
    assert running() == made
    groq_emulator.set(listing_delay=0)
    assert tries.run() == made[0]
    assert running() == made[:1]


@pytest.mark.parametrize("status", [408, 409, 429, 503])
def test_a_refusal_is_not_trusted(stored_tries, groq_emulator, running, status):
    """A proxy can refuse what it has handed on."""
    groq_emulator.fault("/batches", method="POST", status=status, takes_effect=True, headers={"Retry-After": "0.1"})
    assert [stored_tries.run()] == running()
    assert len(groq_emulator.batches()) == 2


def test_a_clock_that_is_wrong_hides_no_double(bare_tries, groq_emulator, running, monkeypatch):
    """Each try looks for a double of what it has made, by the time that Groq's clock says."""
    first = bare_tries.run()
    bare_tries.run_after += timedelta(hours=4)
    assert bare_tries.run() == first
    assert running() == [first]


@pytest.mark.parametrize("broken", [(True, True), (True, False), (False, True)])
def test_a_store_that_does_not_answer_is_made_up_for_by_looking(stored_tries, running, broken):
    made = []
    for stored_tries.broken in broken:
        made.append(stored_tries.run())
    assert made == running() * 2


def test_a_deadline_cancels_nothing_that_another_try_may_want(create, context, store, groq_emulator):
    groq_emulator.set(seconds=1000)
    operator = create(wait_for_completion=False)
    batch_id = operator.execute(context)
    store.given_up = True
    end = WaitEnd(batch_id=batch_id, reason="timeout", message="Too long.")
    with pytest.raises(
        AirflowFailException, match="Too long. It keeps running at Groq: another try of the task has taken over"
    ):
        operator.execute_complete(context, BatchEvent(ends=(end,)).payload())
    assert groq_emulator.batches()[0]["status"] in {"validating", "in_progress"}


def test_a_deadline_without_reattachment_cancels_whatever_has_taken_over(create, context, store, groq_emulator):
    """No other try would want the batch."""
    groq_emulator.set(seconds=1000)
    operator = create(wait_for_completion=False, reattach=False)
    batch_id = operator.execute(context)
    store.given_up = True
    end = WaitEnd(batch_id=batch_id, reason="timeout", message="Too long.")
    with pytest.raises(AirflowFailException, match="Too long. It was cancelled"):
        operator.execute_complete(context, BatchEvent(ends=(end,)).payload())


@pytest.mark.parametrize("error", [TimeoutError, ConnectionRefusedError])
def test_a_store_that_is_away_is_no_sign_of_being_given_up(create, context, store, running, monkeypatch, error):
    def away(*_):
        raise error

    monkeypatch.setattr(store, "set", away)
    assert [create(wait_for_completion=False).execute(context)] == running()
