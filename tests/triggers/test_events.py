"""The trigger of watchers, fed by Airflow's own manager of shared streams, against the emulator."""

import asyncio
import json
import logging

import pytest
from airflow.triggers.base import BaseEventTrigger

from airflow_provider_groq.api.models import TERMINAL
from airflow_provider_groq.batches.events import BatchEvent
from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.triggers import shared as sharing
from airflow_provider_groq.triggers import watcher
from airflow_provider_groq.triggers.batch import GroqBatchEventTrigger
from airflow_provider_groq.triggers.events import ENDED

shared_stream = pytest.importorskip("airflow.triggers.shared_stream", reason="shared streams came with Airflow 3.3")


class Stores:
    """What Airflow gives a trigger whose assets have these stores, of which some may be out of order."""

    def __init__(self, *values):
        self._by_name = {f"asset {number}": Store(value) for number, value in enumerate(values or [None])}
        self._by_uri = {}

    @property
    def values(self):
        return [store.value for store in self._by_name.values()]


class Store:
    def __init__(self, value):
        self.value = value
        self.fails = False
        self.writes = 0

    async def aget(self, key):
        if self.fails:
            raise RuntimeError("Airflow is away")
        assert key.startswith("groq_batches_")
        return self.value

    async def aset(self, key, value):
        if self.fails:
            raise RuntimeError("Airflow is away")
        assert key.startswith("groq_batches_")
        self.writes += 1
        self.value = json.loads(json.dumps(value))


class Airflow:
    """The part of a triggerer that runs event triggers; an event is stored when the test says so."""

    def __init__(self):
        self.streams = shared_stream.SharedStreamManager(ack_timeout=3)
        self.events = []
        self._unconfirmed = []
        self._tasks = []
        self.confirms = True

    def run(self, trigger):
        task = asyncio.create_task(self._run(len(self._tasks), trigger))
        self._tasks.append(task)
        return task

    async def _run(self, number, trigger):
        key = trigger.shared_stream_key()
        stream = self.streams.subscribe(trigger_id=number, trigger=trigger, key=key)
        try:
            async for event in trigger.filter_shared_stream(stream):
                seq = self.streams.bind_pending_event(trigger_id=number, key=key)
                self.events.append((trigger, BatchEvent.read(json.loads(json.dumps(event.payload)))))
                self._unconfirmed.append(seq)
                if self.confirms:
                    self.confirm()
        finally:
            await self.streams.unsubscribe(number, key)

    def confirm(self):
        self.streams.confirm_persisted(self._unconfirmed)
        self._unconfirmed = []

    def told(self, trigger=None):
        return [end.batch_id for of, event in self.events for end in event.ends if trigger in (None, of)]

    async def stop(self):
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.streams.stop_all()


@pytest.fixture
def make_trigger(groq_emulator, monkeypatch):
    monkeypatch.setattr("airflow_provider_groq.batches.watch_loop.LINGER", 0.05)
    monkeypatch.setattr(watcher, "EVENT_GAP", 0.0)
    monkeypatch.setattr(watcher, "AGAIN", 0.2)

    def make(*stored, **options):
        trigger = GroqBatchEventTrigger(poll_interval=0.2, **options)
        trigger.asset_state_store = Stores(*stored)
        return trigger

    return make


@pytest.fixture
async def airflow():
    airflow = Airflow()
    yield airflow
    await airflow.stop()
    await asyncio.sleep(0.1)
    assert not any(sharing._watching.values())


async def control(call, /, *args, **kwargs):
    """The emulator's handle blocks."""
    return await asyncio.to_thread(call, *args, **kwargs)


async def until(holds, seconds=10):
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - from outside
            await asyncio.sleep(0.02)


def begun(*triggers):
    return lambda: all(value for trigger in triggers for value in trigger.asset_state_store.values)


async def test_watchers_of_a_connection_share_the_polls_and_one_client(make_trigger, airflow, groq_emulator, mocker):
    look_up = mocker.spy(sharing, "ConnectionSource")
    triggers = [make_trigger(metadata={"n": str(n)} if n else None) for n in range(10)]
    assert len({trigger.shared_stream_key() for trigger in triggers}) == 1
    for trigger in triggers:
        airflow.run(trigger)
    await until(begun(*triggers))
    assert look_up.call_count == 1
    await control(groq_emulator.clear_requests)
    await asyncio.sleep(1)
    assert 3 <= len(await control(groq_emulator.requests)) <= 6


async def test_what_a_watcher_knows_is_stored_once_its_event_is(make_trigger, airflow, groq_emulator, make_batches):
    """Not before; so a triggerer that crashes in between tells of it again."""
    trigger = make_trigger()
    airflow.run(trigger)
    await until(begun(trigger))
    (batch_id,) = await make_batches(1)
    airflow.confirms = False
    await until(lambda: trigger.asset_state_store.values[0]["under_way"] == [batch_id])
    await control(groq_emulator.advance, 100)
    await until(lambda: airflow.told() == [batch_id])
    await asyncio.sleep(1)
    assert trigger.asset_state_store.values[0]["under_way"] == [batch_id]
    airflow.confirm()
    await until(lambda: trigger.asset_state_store.values[0]["under_way"] == [])
    assert batch_id in trigger.asset_state_store.values[0]["settled"]
    writes = trigger.asset_state_store._by_name["asset 0"].writes
    await asyncio.sleep(1)
    assert airflow.told() == [batch_id]
    assert trigger.asset_state_store._by_name["asset 0"].writes == writes


async def test_an_event_that_is_never_stored_is_given_again(make_trigger, airflow, groq_emulator, make_batches):
    """Airflow then ends the triggers and starts them again, with what was stored last."""
    trigger, other = make_trigger(), make_trigger(statuses=["failed"])
    task, other_task = airflow.run(trigger), airflow.run(other)
    await until(begun(trigger, other))
    (batch_id,) = await make_batches(1)
    airflow.confirms = False
    await control(groq_emulator.advance, 100)
    await until(lambda: airflow.told() == [batch_id])
    await asyncio.wait([task, other_task], timeout=20)
    assert task.exception()
    assert other_task.exception()
    airflow.confirms = True
    again = make_trigger(*trigger.asset_state_store.values)
    airflow.run(again)
    await until(lambda: airflow.told(again) == [batch_id])


async def test_equal_watchers_keep_both_stores(make_trigger, airflow, groq_emulator, make_batches):
    """That of an asset that has just come to it is empty: what the other has counts, and this is no first start."""
    (batch_id,) = await make_batches(1)
    stored = {"since": 1, "under_way": [batch_id], "settled": {}}
    trigger = make_trigger(None, stored)
    airflow.run(trigger)
    await control(groq_emulator.advance, 100)
    await until(lambda: airflow.told() == [batch_id])
    await until(lambda: all(value and batch_id in value["settled"] for value in trigger.asset_state_store.values))


async def test_stores_that_are_away_are_said_once_and_lose_nothing(
    make_trigger, airflow, groq_emulator, make_batches, capfd
):
    trigger = make_trigger()
    (store,) = trigger.asset_state_store._by_name.values()
    store.fails = True
    airflow.run(trigger)
    await asyncio.sleep(1)
    assert capfd.readouterr().out.count("The watcher's state could not be read") == 1
    store.fails = False
    await until(begun(trigger))
    store.fails = True
    (batch_id,) = await make_batches(1)
    await control(groq_emulator.advance, 100)
    await until(lambda: airflow.told() == [batch_id])
    await asyncio.sleep(1)
    assert capfd.readouterr().out.count("The watcher's state could not be stored") == 1
    store.fails = False
    await until(lambda: batch_id in store.value["settled"])


async def test_what_is_stored_and_cannot_be_read_is_a_first_start(make_trigger, airflow, capfd):
    trigger = make_trigger({"since": "yesterday"})
    airflow.run(trigger)
    await until(lambda: isinstance(trigger.asset_state_store.values[0]["since"], int))
    assert "The watcher starts over" in capfd.readouterr().out


async def test_events_do_not_follow_one_another_closely(
    make_trigger, airflow, groq_emulator, make_batches, monkeypatch
):
    """What ends in between is told of together, as soon as it may be."""
    monkeypatch.setattr(watcher, "EVENT_GAP", 2.0)
    trigger = make_trigger()
    airflow.run(trigger)
    await until(begun(trigger))
    ids = await make_batches(3)
    await until(lambda: len(trigger.asset_state_store.values[0]["under_way"]) == len(ids))
    loop, times = asyncio.get_running_loop(), []
    for batch_id in ids:
        await control(groq_emulator.force_status, batch_id, "failed")
        await asyncio.sleep(0.4)
    await until(airflow.told)
    times.append(loop.time())
    await until(lambda: len(airflow.told()) == len(ids))
    times.append(loop.time())
    assert [len(event.ends) for _, event in airflow.events] == [1, 2]
    assert times[1] - times[0] < 2.5


async def test_more_ends_than_an_event_holds_come_in_the_next(
    make_trigger, airflow, groq_emulator, make_batches, monkeypatch
):
    monkeypatch.setattr("airflow_provider_groq.batches.events.MAX_EVENT_CHARS", 1_500)
    trigger = make_trigger()
    airflow.run(trigger)
    await until(begun(trigger))
    ids = await make_batches(7)
    await control(groq_emulator.advance, 100)
    await until(lambda: sorted(airflow.told()) == sorted(ids))
    assert len(airflow.events) >= 3


@pytest.mark.parametrize("fault", [{"status": 500}, {"drop": "before"}, {"body": "<html>", "status": 200}])
async def test_a_groq_that_is_silent_or_talks_nonsense_ends_no_watcher(
    make_trigger, airflow, groq_emulator, make_batches, caplog, fault, quick_retries
):
    caplog.set_level(logging.INFO, logger=sharing.log.name)
    trigger = make_trigger()
    task = airflow.run(trigger)
    await until(begun(trigger))
    (batch_id,) = await make_batches(1)
    await control(groq_emulator.fault, "/batches", method="GET", times=None, **fault)
    await control(groq_emulator.advance, 100)
    await asyncio.sleep(2)
    assert not task.done()
    await control(groq_emulator.clear_faults)
    await until(lambda: airflow.told() == [batch_id])
    said = [record.getMessage() for record in caplog.records if record.name == sharing.log.name]
    assert ["fails; retrying until it works" in line for line in said] == [True, False]
    assert "works again" in said[1]


async def test_a_key_that_is_put_right_is_found_without_a_restart(
    make_trigger, airflow, groq_emulator, make_batches, monkeypatch, caplog
):
    monkeypatch.setattr("airflow_provider_groq.batches.watch_loop.REFUSED_BACKOFF", 0.3)
    right = json.loads(groq_emulator.connection_json)
    monkeypatch.setenv("AIRFLOW_CONN_GROQ_DEFAULT", json.dumps(right | {"extra": {"max_retries": 3}}))
    await control(groq_emulator.fault, "/batches", method="GET", status=401, times=None)
    trigger = make_trigger()
    airflow.run(trigger)
    await until(lambda: "401" in caplog.text)
    assert "groq_default" in caplog.text
    assert "Correct the connection, or its key" in caplog.text
    assert right["password"] not in caplog.text
    monkeypatch.setenv("AIRFLOW_CONN_GROQ_DEFAULT", groq_emulator.connection_json)
    await control(groq_emulator.clear_faults)
    await until(begun(trigger))


async def test_a_host_that_is_put_right_is_found_without_a_restart(
    make_trigger, airflow, groq_emulator, monkeypatch, quick_retries
):
    wrong = json.loads(groq_emulator.connection_json) | {"host": "http://127.0.0.1:9"}
    monkeypatch.setenv("AIRFLOW_CONN_GROQ_DEFAULT", json.dumps(wrong))
    trigger = make_trigger()
    airflow.run(trigger)
    await asyncio.sleep(1)
    monkeypatch.setenv("AIRFLOW_CONN_GROQ_DEFAULT", groq_emulator.connection_json)
    await until(begun(trigger))


@pytest.mark.parametrize("gateway", [{"ignore_ids": True}, {"omit_nulls": True}, {"blank_ids": True}])
async def test_ends_are_found_behind_a_gateway(make_trigger, airflow, groq_emulator, make_batches, gateway):
    await control(groq_emulator.set, page_size=2, **gateway)
    await make_batches(3)
    await control(groq_emulator.advance, 100)
    trigger = make_trigger()
    airflow.run(trigger)
    await until(begun(trigger))
    ids = await make_batches(7)
    await control(groq_emulator.advance, 100)
    await until(lambda: len(airflow.told()) >= len(ids))
    assert sorted(airflow.told()) == sorted(ids)


async def test_without_a_store_it_tells_of_what_ends_while_it_runs(make_trigger, groq_emulator, make_batches):
    """As below Airflow 3.3, which calls `run`. What ends while it does not run is lost."""
    (before,) = await make_batches(1)
    await control(groq_emulator.advance, 100)
    trigger = make_trigger()
    trigger.asset_state_store = None
    told = []

    async def run():
        async for event in trigger.run():
            told.extend(end.batch_id for end in BatchEvent.read(event.payload).ends)

    task = asyncio.create_task(run())
    await asyncio.sleep(1)
    ids = await make_batches(2)
    await asyncio.sleep(0.5)
    await control(groq_emulator.advance, 100)
    await until(lambda: len(told) == len(ids))
    assert sorted(told) == sorted(ids)
    assert before not in told
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.sleep(0.2)


def test_the_statuses_are_all_with_which_a_batch_ends():
    assert set(ENDED) == TERMINAL
    assert GroqBatchEventTrigger().statuses == list(ENDED)


def test_equal_watchers_are_one_trigger_however_they_are_written():
    one = GroqBatchEventTrigger(metadata={"a": "1", "b": "2"}, statuses=["failed", "expired", "failed"])
    other = GroqBatchEventTrigger(metadata={"b": "2", "a": "1"}, statuses=("expired", "failed"), poll_interval=60)
    assert BaseEventTrigger.hash(*one.serialize()) == BaseEventTrigger.hash(*other.serialize())
    path, kwargs = json.loads(json.dumps(one.serialize()))
    assert path == "airflow_provider_groq.triggers.events.GroqBatchEventTrigger"
    assert GroqBatchEventTrigger(**kwargs).serialize() == one.serialize()


def test_watchers_of_other_batches_keep_what_they_know_apart():
    """Also those of one asset. A changed interval is the same watcher."""
    options = [{}, {"metadata": {"a": "1"}}, {"statuses": ["failed"]}, {"groq_conn_id": "groq_other"}]
    keys = {GroqBatchEventTrigger(**each).store_key for each in options}
    assert len(keys) == len(options)
    assert GroqBatchEventTrigger(poll_interval=5).store_key in keys
    streams = {GroqBatchEventTrigger(**each).shared_stream_key() for each in options}
    assert len(streams) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metadata": "project"}, "metadata must map keys to values"),
        ({"metadata": {"n": 1}}, r"metadata\['n'\] must be a text"),
        ({"statuses": ["in_progress"]}, "completed, failed, expired, cancelled.*'in_progress'"),
        ({"statuses": []}, "statuses must name"),
        ({"statuses": None}, "statuses must name how batches end .*, but is None"),
        ({"statuses": True}, "statuses must name how batches end .*, but is True"),
        ({"poll_interval": 0}, "poll_interval"),
    ],
)
def test_wrong_arguments_are_refused_when_the_dag_is_parsed(options, message):
    with pytest.raises(GroqInputError, match=message):
        GroqBatchEventTrigger(**options)
