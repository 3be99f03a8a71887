"""One batch for each shard of a task, by the rules that hold for one batch, and in few requests."""

import threading
import time
from collections import Counter
from itertools import pairwise

import httpx
import pytest
from tries import Store

from airflow_provider_groq.batches.identity import ROUND_KEY
from airflow_provider_groq.exceptions import GroqAPIError, GroqStorageError, TaskStoppedError
from airflow_provider_groq.submission import wave

SHARDS = 12


def asked(groq_emulator):
    """How often what was asked of Groq since the last question."""
    requests = groq_emulator.requests()
    groq_emulator.clear_requests()
    return Counter(f"{request.method} {request.path.removeprefix('/openai/v1')}" for request in requests)


def test_a_first_try_makes_two_requests_a_shard_and_one_listing_at_most(make_many, groq_emulator, assert_one_each):
    groq_emulator.set(page_size=100)
    many = make_many(SHARDS)
    made = many.run()
    sent = asked(groq_emulator)
    assert sent.pop("GET /batches", 0) == (0 if many._stored else 1)
    assert sent == {"POST /files": SHARDS, "POST /batches": SHARDS}
    assert made.keys() == set(many.claims)
    assert_one_each(made)
    assert {batch["metadata"][ROUND_KEY] for batch in groq_emulator.batches()} == {"1.1"}
    assert {batch["metadata"]["team"] for batch in groq_emulator.batches()} == {"data"}


def test_a_later_try_with_batches_to_make_reads_two_listings_at_most(make_many, groq_emulator, assert_one_each):
    groq_emulator.set(page_size=100)
    many = make_many(SHARDS)
    many.stores.append(None)
    made = many.run()
    sent = asked(groq_emulator)
    assert sent["POST /files"] == sent["POST /batches"] == SHARDS
    assert sent["GET /batches"] <= (2 if many._stored or many._folder else 4)
    assert sent["GET /files"] == 1
    assert_one_each(made)


def test_the_next_try_asks_for_all_in_one_request(make_many, groq_emulator, assert_one_each):
    groq_emulator.set(page_size=100)
    many = make_many(SHARDS)
    made = many.run()
    asked(groq_emulator)
    assert many.run() == made
    assert asked(groq_emulator) == {"GET /batches": 1}
    assert_one_each(made)


def test_what_was_not_written_down_is_found_by_one_listing(make_many, groq_emulator, assert_one_each):
    groq_emulator.set(page_size=100)
    many = make_many(SHARDS)
    made = many.run()
    many.forget()
    asked(groq_emulator)
    assert many.run() == made
    assert asked(groq_emulator) == {"GET /batches": 1}
    many.forget(many.claims[::2])
    assert many.run() == made
    assert asked(groq_emulator)["GET /batches"] <= 2
    assert_one_each(made)


def test_a_job_of_more_batches_than_a_listing_has_pages_for_one_is_found(make_many, groq_emulator, monkeypatch):
    monkeypatch.setattr("airflow_provider_groq.submission.lookup.MAX_PAGES", 1)
    groq_emulator.set(page_size=1)
    many = make_many(SHARDS)
    made = many.run()
    many.forget()
    assert many.run() == made
    assert len(groq_emulator.batches()) == SHARDS


@pytest.mark.parametrize(
    "settings", [{"drop_metadata": True}, {"ignore_ids": True, "page_size": 3}, {"max_ids": 1}], ids=str
)
def test_servers_that_lack_something_cost_no_second_batch(make_many, groq_emulator, assert_one_each, settings):
    groq_emulator.set(**settings)
    many = make_many(SHARDS)
    made = many.run()
    assert many.run() == made
    many.forget(many.claims[::3])
    assert many.run() == made
    many.forget()
    assert many.run() == made
    assert_one_each(made)
    assert len(groq_emulator.batches()) == SHARDS


@pytest.mark.parametrize("drop_metadata", [False, True])
@pytest.mark.parametrize(
    "fault",
    [{"drop": "after"}, {"drop": "before"}, {"status": 502, "takes_effect": True}, {"status": 500}],
    ids=str,
)
def test_lost_answers_of_some_shards_are_looked_for(make_many, groq_emulator, assert_one_each, fault, drop_metadata):
    groq_emulator.set(drop_metadata=drop_metadata)
    groq_emulator.fault("/batches", method="POST", times=3, skip=2, **fault)
    many = make_many(SHARDS)
    made = many.run()
    assert_one_each(made)
    assert len(groq_emulator.batches()) == SHARDS


@pytest.mark.parametrize("status", [408, 409, 429, 503])
def test_refusals_of_some_shards_are_not_trusted(make_many, groq_emulator, assert_one_each, status):
    """A proxy can refuse what it has handed on."""
    groq_emulator.fault(
        "/batches", method="POST", times=2, skip=3, status=status, takes_effect=True, headers={"Retry-After": "0.1"}
    )
    assert_one_each(make_many(SHARDS).run())
    assert len(groq_emulator.batches()) == SHARDS + 2


def test_doubles_of_some_shards_are_cancelled_and_the_oldest_are_kept(make_many, groq_emulator, assert_one_each):
    groq_emulator.set(listing_delay=1000)
    many = make_many(SHARDS)
    first = many.run()
    for count in (5, 3):
        many.forget(many.claims[:count])
        many.run(many.claims[:count])
    assert len(groq_emulator.batches()) == SHARDS + 5 + 3
    groq_emulator.set(listing_delay=0)
    many.forget(many.claims[:5])
    assert many.run() == first
    assert_one_each(first)


@pytest.mark.parametrize("drop_metadata", [False, True])
def test_a_try_that_was_killed_while_half_were_made_leaves_what_it_made_to_the_next(
    make_many, groq_emulator, assert_one_each, drop_metadata
):
    """What it wrote down is some seconds old, and what it made is listed late."""
    groq_emulator.set(drop_metadata=drop_metadata)
    many = make_many(SHARDS)
    groq_emulator.fault("/batches", method="POST", delay=0.1, times=None)
    end = many.begin()
    while len(groq_emulator.batches()) < SHARDS // 4:
        time.sleep(0.005)
    kept = many.keep()
    made = end()
    many.restore(kept)
    groq_emulator.set(listing_delay=0.2)
    groq_emulator.clear_requests()
    assert many.run() == made
    assert_one_each(made)
    assert not groq_emulator.requests("POST", "/batches")


def test_entries_of_batches_that_were_not_checked_for_doubles_lead_to_a_listing(
    make_many, groq_emulator, assert_one_each
):
    groq_emulator.set(listing_delay=1000)
    many = make_many(2)
    older = many.run()
    many.forget()
    younger = many.run()
    groq_emulator.set(listing_delay=0)
    for claim, batch_id in younger.items():
        entry = {"input_file_id": "", "made_id": batch_id}
        many.entries[claim] = many.rows[f"groq_batch_{claim.input_key}_1.1"] = entry
    assert many.run() == older
    assert_one_each(older)


def test_a_batch_that_was_made_is_gone_on_with_though_no_listing_shows_it(make_many, groq_emulator):
    groq_emulator.set(listing_delay=1000)
    many = make_many(2)
    made = many.run()
    for claim, batch_id in made.items():
        entry = {"input_file_id": "", "made_id": batch_id}
        many.entries[claim] = many.rows[f"groq_batch_{claim.input_key}_1.1"] = entry
    if many._stored or many._folder:
        assert many.run() == made
        assert len(groq_emulator.batches()) == 2


def test_an_error_of_one_shard_leaves_what_was_made_written_down(make_many, groq_emulator, assert_one_each):
    groq_emulator.fault("/batches", method="POST", status=400, skip=6)
    many = make_many(SHARDS)
    with pytest.raises(GroqAPIError, match="400"):
        many.run()
    made = {batch["id"] for batch in groq_emulator.batches()}
    assert 6 <= len(made) < SHARDS
    written = str(many.rows) + str(many.entries)
    assert all(batch_id in written for batch_id in made) or not (many._stored or many._folder)
    all_made = many.run()
    assert made < set(all_made.values())
    assert_one_each(all_made)
    assert len(groq_emulator.batches()) == SHARDS


def test_files_that_were_uploaded_are_not_uploaded_again_and_listed_once(make_many, groq_emulator, assert_one_each):
    groq_emulator.fault("/batches", method="POST", status=400, skip=2, times=None)
    many = make_many(SHARDS)
    with pytest.raises(GroqAPIError):
        many.run()
    uploaded = len(groq_emulator.files())
    groq_emulator.clear_faults()
    groq_emulator.clear_requests()
    assert_one_each(many.run())
    sent = asked(groq_emulator)
    assert sent["GET /files"] == 1
    assert sent["POST /files"] == SHARDS - uploaded
    assert len(groq_emulator.files()) == SHARDS


def test_no_more_uploads_than_stated_at_once_and_none_in_the_tasks_own_thread(make_many, groq_emulator):
    groq_emulator.fault("/files", method="POST", delay=0.1, times=None)
    many = make_many(SHARDS)
    many.run()
    assert many.most_at_once == wave.UPLOADS_AT_ONCE == 4
    assert threading.current_thread() not in many.uploaders
    assert many.journals[0].threads == {threading.current_thread()}


def test_one_alone_is_made_in_the_tasks_own_thread(make_many):
    many = make_many(1)
    many.run()
    assert many.uploaders == {threading.current_thread()}


def test_airflow_is_asked_at_most_about_once_a_second(make_stored_many, groq_emulator, assert_one_each, monkeypatch):
    """Though all threads want to know at the same time, while it takes a while to answer."""
    answer = Store._answer

    def answer_slowly(store):
        time.sleep(0.1)
        answer(store)

    monkeypatch.setattr(Store, "_answer", answer_slowly)
    groq_emulator.fault("/batches", method="POST", delay=0.2, times=None)
    many = make_stored_many(40)
    made = many.run()
    times = many.journals[0].times[:-1]
    assert wave.CONFIRMED_FOR == 1.0
    assert len(times) >= 2
    assert all(later - earlier >= 1.0 for earlier, later in pairwise(times))
    assert_one_each(made)


def cancelled(groq_emulator):
    return {batch["id"] for batch in groq_emulator.batches() if batch["status"] in {"cancelling", "cancelled"}}


@pytest.mark.parametrize("put_off", [False, True])
def test_a_users_mark_while_half_are_made_cancels_all_and_makes_no_more(make_many, groq_emulator, put_off):
    groq_emulator.fault("/batches", method="POST", delay=0.1, times=6 if put_off else None)
    if put_off:
        groq_emulator.fault("/batches", method="POST", status=429, headers={"Retry-After": "50"}, times=None)
    many = make_many(SHARDS)
    end = many.begin()
    while len(groq_emulator.batches()) < SHARDS // 2:
        time.sleep(0.005)
    many.tis[0].state = "failed"
    start = time.monotonic()
    many.guards[0].kill()
    assert isinstance(end(), TaskStoppedError)
    assert time.monotonic() - start < 10
    made = {batch["id"] for batch in groq_emulator.batches()}
    assert SHARDS // 2 <= len(made) < SHARDS
    assert cancelled(groq_emulator) == made


def test_an_eviction_while_half_are_made_leaves_them_to_the_next_try(make_many, groq_emulator, assert_one_each):
    groq_emulator.fault("/batches", method="POST", delay=0.1, times=None)
    many = make_many(SHARDS)
    end = many.begin()
    while len(groq_emulator.batches()) < SHARDS // 2:
        time.sleep(0.005)
    many.guards[0].kill()
    assert isinstance(end(), TaskStoppedError)
    assert len(groq_emulator.batches()) < SHARDS
    made = many.run()
    assert not cancelled(groq_emulator)
    assert_one_each(made)


@pytest.mark.parametrize("how", ["given_up", "orphaned"])
def test_a_try_that_was_given_up_while_half_are_made_makes_no_more(
    make_stored_many, groq_emulator, assert_one_each, monkeypatch, how
):
    monkeypatch.setattr("airflow_provider_groq.submission.wave.CONFIRMED_FOR", 0.1)
    groq_emulator.fault("/batches", method="POST", delay=0.1, times=None)
    many = make_stored_many(SHARDS * 2)
    end = many.begin()
    while len(groq_emulator.batches()) < SHARDS // 2:
        time.sleep(0.005)
    setattr(many.stores[0], how, True)
    assert isinstance(end(), TaskStoppedError)
    assert len(groq_emulator.batches()) < SHARDS * 2
    made = many.run()
    assert_one_each(made)
    assert len(groq_emulator.batches()) == SHARDS * 2


def test_two_tries_at_once_end_with_one_batch_a_shard(make_many, groq_emulator, assert_one_each):
    groq_emulator.fault("/files", method="POST", delay=0.05, times=None)
    many = make_many(SHARDS)
    end = many.begin()
    if many._stored:
        many.stores[0].given_up = True
    second = many.run()
    first = end()
    assert first == second or (many._stored and isinstance(first, TaskStoppedError))
    assert_one_each(second)


@pytest.mark.parametrize("lost", [False, True], ids=["given up", "its folder is gone"])
def test_a_try_that_was_frozen_while_another_made_all_cancels_what_it_makes_when_it_wakes(
    make_stored_many, groq_emulator, assert_one_each, monkeypatch, lost
):
    monkeypatch.setattr("airflow_provider_groq.submission.wave.CONFIRMED_FOR", 0.01)
    awake, frozen, send = threading.Event(), [], httpx.HTTPTransport.handle_request

    def frozen_before_it_sends(transport, request):
        if request.url.path.endswith("/batches") and request.method == "POST" and not awake.is_set():
            frozen.append(request)
            assert awake.wait(60)
        return send(transport, request)

    many = make_stored_many(SHARDS)
    with monkeypatch.context() as patch:
        patch.setattr(httpx.HTTPTransport, "handle_request", frozen_before_it_sends)
        end = many.begin()
        while len(frozen) < wave.UPLOADS_AT_ONCE:
            time.sleep(0.005)
    many.stores[0].given_up = True
    if lost:
        monkeypatch.setattr(many.journals[0]._journal, "record", is_gone)
    made = many.run()
    awake.set()
    assert isinstance(end(), GroqStorageError if lost else TaskStoppedError)
    assert len(groq_emulator.batches()) >= SHARDS + wave.UPLOADS_AT_ONCE
    assert_one_each(made)


def is_gone(_):
    raise GroqStorageError("work_path is missing")
