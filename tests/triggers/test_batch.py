"""The trigger against the emulator."""

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from airflows import since
from blockbuster import BlockingError
from relays import Authority, Relay, clear_environment

from airflow_provider_groq.api.uploads import upload
from airflow_provider_groq.batches.events import BatchEvent, BriefEvent
from airflow_provider_groq.compat import AirflowNotFoundException
from airflow_provider_groq.hooks.groq import GroqHook
from airflow_provider_groq.triggers import batch as triggers
from airflow_provider_groq.triggers.batch import GroqBatchTrigger


@pytest.fixture
def trigger(groq_emulator, quick):
    def make(*batch_ids, seconds=30, poll_interval=0.05):
        return GroqBatchTrigger(list(batch_ids), poll_interval=poll_interval, end_time=time.time() + seconds)

    return make


async def event_of(trigger):
    """The ends in the trigger's only event, as they come through Airflow's database."""
    (event,) = [event async for event in trigger.run()]
    return BatchEvent.read(json.loads(json.dumps(event.payload))).ends


def test_is_made_again_from_what_it_serializes():
    trigger = GroqBatchTrigger(
        ["a", "b"], "other", 5, end_time=100.0, cancel_on_kill=True, reattach=False, brief=True, total_rows=7
    )
    path, kwargs = trigger.serialize()
    assert path == "airflow_provider_groq.triggers.batch.GroqBatchTrigger"
    assert json.loads(json.dumps(kwargs)) == kwargs
    assert GroqBatchTrigger(**kwargs).serialize() == (path, kwargs)


def test_what_an_older_version_serialized_can_be_loaded():
    older = {"batch_ids": ["a"], "groq_conn_id": "other", "poll_interval": 5, "end_time": 100.0}
    assert GroqBatchTrigger(**older).serialize()[1].items() >= older.items()


async def test_what_a_newer_version_serialized_can_be_loaded_too(trigger, groq_emulator, make_batches, caplog):
    """In an upgrade, workers may be newer than the triggerer for a while."""
    groq_emulator.set(seconds=0)
    _, kwargs = trigger(*await make_batches(1)).serialize()
    newer = GroqBatchTrigger(**kwargs, patience=7)
    assert newer.serialize()[1] == kwargs | {"patience": 7}
    assert len(await event_of(newer)) == 1
    assert "does not know the arguments patience" in caplog.text


def test_takes_a_single_id_too():
    assert GroqBatchTrigger("batch_1", end_time=1.0).batch_ids == ["batch_1"]


async def test_gives_one_event_when_all_batches_have_ended(trigger, groq_emulator, make_batches):
    groq_emulator.set(seconds=0.3)
    ids = await make_batches(3)
    ends = await event_of(trigger(*ids))
    assert [end.batch_id for end in ends] == ids
    assert {(end.reason, end.batch.status) for end in ends} == {("terminal", "completed")}


ODD = {
    "created_at": "2026-11-01T00:00:00Z",
    "completed_at": 1_793_491_200.75,
    "errors": {"code": "c", "message": "half of it"},
    "metadata": [["team", "data"], "other"],
    "request_counts": '{"total": 1, "completed": 1, "failed": 0}',
    "error_file_id": {},
    "expires_at": {"in": "a day"},
    "unknown": [10**30, "\0", "x" * 100_000],
    "project_id": "project_1",
}


@pytest.mark.parametrize("count", [1, 3])
async def test_fields_in_odd_forms_do_not_hold_up_the_end(trigger, groq_emulator, make_batches, count):
    """Whether a batch is asked for alone or among others."""
    groq_emulator.set(seconds=0.3)
    ids = await make_batches(count)
    groq_emulator.fault("/batches/*", method="GET", times=None, merge=ODD)
    listed = [batch | ODD | {"status": "completed", "output_file_id": "file_1"} for batch in groq_emulator.batches()]
    groq_emulator.fault("/batches", method="GET", times=None, json={"data": [*listed, None, {"status": "x"}]})
    start = time.monotonic()
    ends = await event_of(trigger(*ids))
    assert time.monotonic() - start < 20
    assert [(end.batch_id, end.reason) for end in ends] == [(batch_id, "terminal") for batch_id in ids]
    for batch in (end.batch for end in ends):
        assert (batch.created_at, batch.completed_at, batch.expires_at) == (1_793_491_200, 1_793_491_200, None)
        assert [error.message for error in batch.errors] == ["half of it"]
        assert (batch.metadata, batch.request_counts.completed) == ({"team": "data"}, 1)
        assert batch.model_extra["project_id"] == "project_1"
        assert len(batch.model_dump_json()) < 4_000


async def test_says_so_when_the_deadline_passes(trigger, make_batches):
    (batch_id,) = await make_batches(1)
    (end,) = await event_of(trigger(batch_id, seconds=0.2))
    assert end.reason == "timeout"
    assert f"Batch {batch_id} had not ended at the deadline" in end.message


async def test_a_deadline_that_passed_while_nobody_looked_still_gets_one_look(trigger, groq_emulator, make_batches):
    (batch_id,) = await make_batches(1)
    groq_emulator.advance(100)
    (end,) = await event_of(trigger(batch_id, seconds=-50))
    assert end.reason == "terminal"


async def test_one_refused_batch_does_not_disturb_the_others(trigger, groq_emulator, make_batches):
    groq_emulator.set(seconds=0.3)
    (good,) = await make_batches(1)
    groq_emulator.fault("/batches/batch_of_others", method="GET", status=403, times=None)
    ends = await event_of(trigger(good, "batch_of_others"))
    assert [end.reason for end in ends] == ["terminal", "unknown"]
    assert "403" in ends[1].message


@pytest.mark.parametrize(
    "connection", ['{"conn_type": "groq", "host": "https://api.groq.com"}', '{"conn_type": "groq", "password": "a b"}']
)
async def test_a_connection_that_cannot_be_used_is_an_event_and_no_crash(trigger, monkeypatch, connection):
    monkeypatch.setenv("AIRFLOW_CONN_GROQ_DEFAULT", connection)
    (end,) = await event_of(trigger("batch_x"))
    assert end.reason == "unknown"
    assert "groq_default" in end.message


@pytest.mark.parametrize(
    ("name", "value"), [("ALL_PROXY", "not a url"), ("SSL_CERT_FILE", "/missing.pem"), ("SSL_CERT_DIR", "/missing")]
)
async def test_an_environment_that_cannot_be_used_is_an_event_at_once(trigger, monkeypatch, name, value):
    """None of it passes, so that a wait until the deadline would be in vain."""
    clear_environment(monkeypatch)
    monkeypatch.setenv("AIRFLOW_CONN_GROQ_DEFAULT", "groq://:gsk_secret_key@groq.invalid/https")
    monkeypatch.setenv(name, value)
    async with asyncio.timeout(10):
        (end,) = await event_of(trigger("batch_x"))
    assert end.reason == "unknown"
    assert f"environment variable {name} " in end.message


async def test_waits_at_a_gateway_with_a_certificate_of_a_private_authority(
    trigger, groq_emulator, make_batches, monkeypatch, tmp_path
):
    groq_emulator.set(seconds=0.3)
    (batch_id,) = await make_batches(1)
    authority = await asyncio.to_thread(Authority, tmp_path)
    gateway = await asyncio.to_thread(Relay, groq_emulator.url, context=authority.server_context())
    described = json.loads(groq_emulator.connection_json) | {"host": f"https://127.0.0.1:{gateway.port}"}
    described["extra"] = {"ca_bundle": str(authority.pem)}
    monkeypatch.setenv("AIRFLOW_CONN_GROQ_DEFAULT", json.dumps(described))
    try:
        (end,) = await event_of(trigger(batch_id))
    finally:
        await asyncio.to_thread(gateway.stop)
    assert (end.reason, end.batch.status) == ("terminal", "completed")


@since(3, 1, "GroqHook.aget_connection")
async def test_a_missing_connection_is_an_event_and_no_crash(trigger, monkeypatch):
    monkeypatch.delenv("AIRFLOW_CONN_GROQ_DEFAULT")

    async def missing(*_):
        raise AirflowNotFoundException("The conn_id `groq_default` isn't defined")

    # What a triggerer's supervisor answers.
    monkeypatch.setattr("airflow_provider_groq.hooks.groq.GroqHook.aget_connection", missing)
    monkeypatch.setattr("airflow_provider_groq.hooks.groq.GroqHook.get_connection", lambda *_: asyncio.run(missing()))
    (end,) = await event_of(trigger("batch_x"))
    assert (end.reason, end.message) == ("unknown", "The conn_id `groq_default` isn't defined")


async def test_never_fires_early(trigger, groq_emulator, make_batches, monkeypatch):
    """Airflow may fail a task whose trigger fires within some seconds of its deferral."""
    monkeypatch.setattr(triggers, "EARLIEST_EVENT", 1.0)
    (batch_id,) = await make_batches(1)
    groq_emulator.advance(100)
    start = time.monotonic()
    await event_of(trigger(batch_id))
    assert time.monotonic() - start >= 1.0


async def test_fires_later_where_spans_are_exported(trigger, groq_emulator, make_batches, monkeypatch, collector):
    """The process that deferred stays for the time that a collector needs which does not answer."""
    monkeypatch.setattr(triggers, "EARLIEST_EVENT_TRACED", 1.0)
    (batch_id,) = await make_batches(1)
    groq_emulator.advance(100)
    start = time.monotonic()
    await event_of(trigger(batch_id))
    assert time.monotonic() - start >= 1.0


def test_the_earliest_event_is_ten_seconds_after_the_start():
    assert triggers.EARLIEST_EVENT == 10.0
    assert triggers.EARLIEST_EVENT_TRACED == 15.0


async def test_a_cancelled_wait_changes_nothing_at_groq(trigger, groq_emulator, make_batches):
    """A triggerer that restarts cancels the waits of all its triggers."""
    (batch_id,) = await make_batches(1)
    wait = asyncio.create_task(event_of(trigger(batch_id)))
    await asyncio.sleep(0.4)
    wait.cancel()
    with pytest.raises(asyncio.CancelledError):
        await wait
    assert {request.method for request in await asyncio.to_thread(groq_emulator.requests)} == {"GET", "POST"}
    assert not await asyncio.to_thread(groq_emulator.requests, "POST", f"/batches/{batch_id}/cancel")


async def test_without_reattachment_a_kill_cancels_whoever_it_came_from(groq_emulator, make_batches):
    """After a clear, no other try resumes these batches, so nobody need ask for the state of the task."""
    ids = await make_batches(2)
    await GroqBatchTrigger(ids, end_time=time.time(), cancel_on_kill=True, reattach=False).on_kill()
    assert {batch["status"] for batch in await asyncio.to_thread(groq_emulator.batches)} <= {"cancelling", "cancelled"}


async def test_a_kill_cancels_nothing_where_that_is_not_wanted(groq_emulator, make_batches):
    ids = await make_batches(1)
    await GroqBatchTrigger(ids, end_time=time.time(), cancel_on_kill=False, reattach=False).on_kill()
    assert (await asyncio.to_thread(groq_emulator.batches))[0]["status"] in {"validating", "in_progress"}


@pytest.fixture
def two_hundred(groq_emulator, make_batch):
    """Two hundred batches of one file that take long, and a Groq that needs a while for each cancelling."""
    groq_emulator.set(seconds=1000)
    first = make_batch()
    (file,) = groq_emulator.files()
    with GroqHook() as hook, ThreadPoolExecutor(8) as pool:
        hook.get_conn()  # before threads share it
        batch_ids = [first, *pool.map(lambda _: hook.create_batch(file["id"]).id, range(199))]
    groq_emulator.fault("/batches/*/cancel", method="POST", times=None, delay=0.1)
    return batch_ids


async def test_a_kill_cancels_two_hundred_batches_many_at_once(two_hundred, groq_emulator, told):
    """One after another they would take twenty seconds at least; Airflow gives one."""
    trigger = GroqBatchTrigger(two_hundred, end_time=time.time(), cancel_on_kill=True, reattach=False, brief=True)
    start = time.monotonic()
    await trigger.on_kill()
    assert time.monotonic() - start < 15
    batches = await asyncio.to_thread(groq_emulator.batches)
    assert {batch["id"] for batch in batches if batch["status"] in {"cancelling", "cancelled"}} == set(two_hundred)
    assert len(told) == 1
    assert told[0].startswith("200 batches (batch_")
    assert "are cancelling or cancelled" in told[0]


async def test_what_airflow_does_not_wait_for_is_done_all_the_same(two_hundred, groq_emulator):
    """Airflow gives a second, and then cancels what it called."""
    trigger = GroqBatchTrigger(two_hundred, end_time=time.time(), cancel_on_kill=True, reattach=False)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(trigger.on_kill(), 0.05)
    while triggers._killing:  # noqa: ASYNC110 - from outside
        await asyncio.sleep(0.02)
    batches = await asyncio.to_thread(groq_emulator.batches)
    assert {batch["status"] for batch in batches} <= {"cancelling", "cancelled"}


async def brief_event_of(trigger):
    (event,) = [event async for event in trigger.run()]
    return BriefEvent.read(json.loads(json.dumps(event.payload)))


async def test_a_brief_trigger_tells_ids_and_statuses_and_logs_one_line_for_all(
    groq_emulator, make_batches, quick, told
):
    await asyncio.to_thread(groq_emulator.set, seconds=0.3)
    ids = await make_batches(6)
    await asyncio.to_thread(groq_emulator.force_status, ids[2], "failed")
    trigger = GroqBatchTrigger(ids, poll_interval=0.05, end_time=time.time() + 30, brief=True, total_rows=6)
    event = await brief_event_of(trigger)
    assert {(end.reason, end.status): end.batch_ids for end in event.brief} == {
        ("terminal", "completed"): (*ids[:2], *ids[3:]),
        ("terminal", "failed"): (ids[2],),
    }
    assert f"Batch {ids[2]}: failed" in " ".join(told)
    (last,) = [line for line in told if "6 of 6 batches ended" in line]
    assert last.startswith("5 of 6 rows (83 %), 6 of 6 batches ended, 0 failed")
    assert len(told) <= 4


async def test_several_batches_are_told_of_in_one_line_though_the_event_has_each(
    groq_emulator, make_batches, quick, told
):
    ids = await make_batches(3)
    await asyncio.to_thread(groq_emulator.advance, 100)
    trigger = GroqBatchTrigger(ids, poll_interval=0.05, end_time=time.time() + 30)
    ends = await event_of(trigger)
    assert [(end.batch_id, end.batch.request_counts.completed) for end in ends] == [(id_, 1) for id_ in ids]
    assert told == ["3 of 3 rows (100 %), 3 of 3 batches ended, 0 failed"]


async def test_a_brief_trigger_tells_of_a_deadline(groq_emulator, make_batches, quick):
    await asyncio.to_thread(groq_emulator.set, seconds=1000)
    ids = await make_batches(3)
    event = await brief_event_of(GroqBatchTrigger(ids, poll_interval=0.05, end_time=time.time() + 0.3, brief=True))
    ((reason, status, batch_ids),) = [(end.reason, end.status, end.batch_ids) for end in event.brief]
    assert (reason, status, batch_ids) == ("timeout", "", tuple(ids))


async def test_progress_is_told_while_a_brief_trigger_waits(groq_emulator, make_batches, quick, told):
    await asyncio.to_thread(groq_emulator.set, seconds=1000)
    ids = await make_batches(3)
    trigger = GroqBatchTrigger(ids, poll_interval=0.05, end_time=time.time() + 30, brief=True)
    wait = asyncio.create_task(brief_event_of(trigger))
    async with asyncio.timeout(10):
        while not told:  # noqa: ASYNC110 - from outside
            await asyncio.sleep(0.02)
    assert told[0].endswith(", 0 of 3 batches ended, 0 failed")
    await asyncio.to_thread(groq_emulator.advance, 2000)
    assert [end.status for end in (await wait).brief] == ["completed"]


async def test_a_batch_that_has_ended_is_not_cancelled(groq_emulator, make_batches, quick):
    await asyncio.to_thread(groq_emulator.set, seconds=1000)
    ended, other = await make_batches(2)
    await asyncio.to_thread(groq_emulator.force_status, ended, "failed")
    trigger = GroqBatchTrigger(
        [ended, other], poll_interval=0.05, end_time=time.time() + 30, cancel_on_kill=True, reattach=False, brief=True
    )
    wait = asyncio.create_task(brief_event_of(trigger))
    async with asyncio.timeout(10):
        while ended not in trigger.ended:  # noqa: ASYNC110 - from outside
            await asyncio.sleep(0.02)
    wait.cancel()
    await asyncio.gather(wait, return_exceptions=True)
    await trigger.on_kill()
    requests = await asyncio.to_thread(groq_emulator.requests, "POST")
    assert [request.path.split("/")[-2] for request in requests if request.path.endswith("cancel")] == [other]


async def test_the_detector_of_blocking_calls_works():
    with pytest.raises(BlockingError):
        upload("requests.jsonl", max_bytes=1)


async def test_no_batches_have_all_ended(quick):
    assert await event_of(GroqBatchTrigger([], end_time=time.time())) == ()
