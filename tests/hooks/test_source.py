"""ConnectionSource: many batches are asked for in as few requests as their ids allow."""

import asyncio
import json

import pytest

from airflow_provider_groq.exceptions import GroqAPIError, GroqConnectionError
from airflow_provider_groq.hooks.source import ConnectionSource


@pytest.fixture
async def source(groq_emulator):
    source = ConnectionSource("groq_default")
    yield source
    await source.close()


async def test_200_ids_of_groqs_are_one_request(groq_emulator, make_batch, source):
    ids = [make_batch(), *(f"batch_{number:026d}" for number in range(199))]
    groq_emulator.clear_requests()
    polled = await source.poll(ids)
    assert polled.batch(ids[0]).id == ids[0]
    assert len(groq_emulator.requests()) == 1


async def test_long_ids_are_asked_for_in_addresses_that_servers_take(groq_emulator, make_batch, source):
    made = [make_batch(), make_batch()]
    ids = [made[0], *(f"batch_{number:0344d}" for number in range(198)), made[1]]
    groq_emulator.clear_requests()
    polled = await source.poll(ids)
    assert list(polled.items) == made
    assert not polled.ignored
    requests = groq_emulator.requests()
    assert len(requests) == 10
    assert max(len(f"GET {request.path}?{request.query} HTTP/1.1") for request in requests) < 8_000


@pytest.fixture
async def three(groq_emulator, make_batch):
    groq_emulator.set(seconds=1000)
    return [await asyncio.to_thread(make_batch) for _ in range(3)]


async def test_many_are_cancelled_and_what_cannot_be_is_told_for_each(groq_emulator, source, three):
    groq_emulator.fault(f"/batches/{three[1]}/cancel", method="POST", status=400)
    results = await source.cancel(three)
    assert [results[batch_id] for batch_id in three[::2]] == ["cancelling", "cancelling"]
    assert isinstance(results[three[1]], GroqAPIError)


async def test_many_are_cancelled_with_a_key_that_was_rotated_meanwhile(groq_emulator, source, three, monkeypatch):
    await source.get(three[0])
    # Another key is another account to the emulator, so only its form changes.
    rotated = json.loads(groq_emulator.connection_json) | {"extra": {"max_retries": 3}}
    monkeypatch.setenv("AIRFLOW_CONN_GROQ_DEFAULT", json.dumps(rotated))
    groq_emulator.fault("/batches/*/cancel", method="POST", status=401, times=2)
    assert set((await source.cancel(three)).values()) == {"cancelling"}


async def test_a_connection_that_cannot_be_used_is_told_for_each(source, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_GROQ_DEFAULT", '{"conn_type": "groq"}')
    results = await source.cancel(["batch_1", "batch_2"])
    assert {type(error) for error in results.values()} == {GroqConnectionError}
