"""What the triggers of one process share, and what one of them never does to the others."""

import asyncio
import json
import time

import pytest
import structlog

from airflow_provider_groq.batches.events import BatchEvent
from airflow_provider_groq.batches.poll_loop import REQUESTS_AT_ONCE
from airflow_provider_groq.hooks import groq
from airflow_provider_groq.triggers import shared as sharing
from airflow_provider_groq.triggers.batch import GroqBatchTrigger


@pytest.fixture
def trigger(groq_emulator, quick):
    def make(*batch_ids, conn_id="groq_default"):
        return GroqBatchTrigger(list(batch_ids), conn_id, 0.2, end_time=time.time() + 60)

    return make


async def ends(trigger):
    (event,) = [event async for event in trigger.run()]
    return BatchEvent.read(json.loads(json.dumps(event.payload))).ends


async def control(call, /, *args, **kwargs):
    """The emulator's handle blocks."""
    return await asyncio.to_thread(call, *args, **kwargs)


async def asked(groq_emulator):
    """How many batches each question was about, once there are questions."""
    while not (requests := await control(groq_emulator.requests, "GET", "/batches")):  # noqa: ASYNC110 - from outside
        await asyncio.sleep(0.02)
    return [request.query.count("id=") or 1 for request in requests]


async def test_triggers_of_one_connection_ask_together(trigger, groq_emulator, make_batches):
    ids = await make_batches(30)
    waits = [asyncio.create_task(ends(trigger(batch_id))) for batch_id in ids]
    assert set(await asked(groq_emulator)) == {30}
    assert [list(by_connection) for by_connection in sharing._shared.values()] == [["groq_default"]]
    await control(groq_emulator.advance, 100)
    assert [end.batch_id for (end,) in await asyncio.gather(*waits)] == ids


@pytest.mark.parametrize("foreign", [False, True])
async def test_a_gateway_that_ignores_the_ids_is_found_out(trigger, groq_emulator, make_batches, foreign):
    """By a batch of somebody else, or by what tells a page of a listing; after two answers it is asked one by one."""
    ids = await make_batches(6)
    if foreign:
        await make_batches(1)
    await control(groq_emulator.set, ignore_ids=True, page_size=1)
    await control(groq_emulator.clear_requests)
    waits = [asyncio.create_task(ends(trigger(batch_id))) for batch_id in ids]
    while len(await control(groq_emulator.requests)) < 40:  # noqa: ASYNC110 - from outside
        await asyncio.sleep(0.02)
    await control(groq_emulator.advance, 100)
    assert [end.batch_id for (end,) in await asyncio.gather(*waits)] == ids
    asked_for_many = sum("id=" in request.query for request in await control(groq_emulator.requests))
    assert 1 <= asked_for_many <= 1 + REQUESTS_AT_ONCE
    # The connections of the last requests are closed beside the test.
    while len(asyncio.all_tasks()) > 1:  # noqa: ASYNC110
        await asyncio.sleep(0.02)


async def test_nothing_is_left_when_the_last_has_left(trigger, make_batches):
    (batch_id,) = await make_batches(1)
    wait = asyncio.create_task(ends(trigger(batch_id)))
    await asyncio.sleep(0.3)
    before = len(asyncio.all_tasks())
    wait.cancel()
    await asyncio.gather(wait, return_exceptions=True)
    await asyncio.sleep(0.1)
    assert not any(sharing._shared.values())
    assert before > len(asyncio.all_tasks()) == 1


async def test_connections_do_not_share(trigger, groq_emulator, make_batches, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_GROQ_OTHER", groq_emulator.connection_json)
    monkeypatch.setenv("AIRFLOW_CONN_GROQ_BAD", '{"conn_type": "groq"}')
    one, two = await make_batches(2)
    waits = [asyncio.create_task(ends(trigger(one))), asyncio.create_task(ends(trigger(two, conn_id="groq_other")))]
    ((bad,),) = await asyncio.gather(ends(trigger(one, conn_id="groq_bad")))
    assert (bad.reason, "groq_bad" in bad.message) == ("unknown", True)
    await control(groq_emulator.advance, 100)
    assert {end.reason for (end,) in await asyncio.gather(*waits)} == {"terminal"}


async def test_a_rotated_key_is_taken_up_without_a_restart(trigger, groq_emulator, make_batches, monkeypatch):
    ids = await make_batches(3)
    waits = [asyncio.create_task(ends(trigger(batch_id))) for batch_id in ids]
    await asked(groq_emulator)
    # Another key is another account to the emulator, so only its form changes.
    rotated = json.loads(groq_emulator.connection_json) | {"extra": {"max_retries": 3}}
    monkeypatch.setenv("AIRFLOW_CONN_GROQ_DEFAULT", json.dumps(rotated))
    await control(groq_emulator.fault, "/batches", method="GET", status=401)
    await control(groq_emulator.advance, 100)
    assert {end.reason for (end,) in await asyncio.gather(*waits)} == {"terminal"}


async def test_a_revoked_key_ends_all_waits_with_the_reason(trigger, groq_emulator, make_batches):
    ids = await make_batches(3)
    await control(groq_emulator.fault, "/batches", method="GET", status=401, times=None)
    results = await asyncio.gather(*(ends(trigger(batch_id)) for batch_id in ids))
    assert {end.reason for (end,) in results} == {"unknown"}
    assert all("401" in end.message and "groq_default" in end.message for (end,) in results)


async def test_the_connection_is_looked_up_once_for_all(trigger, groq_emulator, make_batches, mocker):
    look_up = mocker.spy(groq, "connection_and_extra")
    ids = await make_batches(20)
    await control(groq_emulator.advance, 100)
    await asyncio.gather(*(ends(trigger(batch_id)) for batch_id in ids))
    assert look_up.call_count == 1


async def test_metrics_of_all_waits_are_told_together(trigger, groq_emulator, make_batches, statsd):
    """For each request, not for each wait; the last says that there is none any more."""
    ids = await make_batches(30)
    waits = [asyncio.create_task(ends(trigger(batch_id))) for batch_id in ids]
    await asked(groq_emulator)
    await control(groq_emulator.advance, 100)
    await asyncio.gather(*waits)
    while (await control(statsd.values, "groq.waits.running"))[-1]:  # noqa: ASYNC110 - from outside
        await asyncio.sleep(0.02)
    assert await control(statsd.values, "groq.waits.running") == [30, 0]
    first, _ = await control(statsd.values, "groq.polls")
    assert first == 30
    assert len(await control(statsd.values, "groq.polls.lag")) == 2
    assert len(await control(statsd.values, "groq.waits.triggerer")) == 30


async def test_news_of_a_batch_go_to_the_log_of_its_own_trigger(trigger, groq_emulator, make_batches, logged):
    """Each trigger writes its lines in the context of its own task."""
    ids = await make_batches(2)

    async def run(batch_id):
        structlog.contextvars.bind_contextvars(trigger_id=batch_id)
        await ends(trigger(batch_id))

    await control(groq_emulator.advance, 100)
    await asyncio.gather(*map(run, ids))
    said = list(zip(logged.contexts, logged.lines, strict=True))
    assert {context["trigger_id"] for context, _ in said} == set(ids)
    assert all(context["trigger_id"] in line for context, line in said)


def test_an_event_of_many_batches_stays_small():
    from airflow_provider_groq.api.models import Batch
    from airflow_provider_groq.batches.events import WaitEnd

    errors = [{"code": "x", "message": "m" * 2000, "line": n} for n in range(1000)]
    described = {"id": "batch_01jh6xa7reempvjyh6n3yst2zw", "status": "failed", "created_at": 1, "errors": errors}
    end = WaitEnd(batch_id=described["id"], reason="terminal", batch=Batch.model_validate(described))
    assert len(json.dumps(BatchEvent(ends=(end,)).payload())) < 15_000


def test_an_event_loop_may_end_while_questions_are_under_way(trigger, groq_emulator, make_batch):
    """No task is left pending, and no exception unseen: either would be a warning, and so an error here."""
    batch_ids = [make_batch() for _ in range(5)]
    groq_emulator.fault("/batches", method="GET", delay=1.0, times=None)

    async def main():
        waits = [asyncio.create_task(ends(trigger(batch_id))) for batch_id in batch_ids]
        await asyncio.wait(waits, timeout=0.3)

    asyncio.run(main(), debug=True)
    assert not any(sharing._shared.values())
