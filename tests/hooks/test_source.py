"""ConnectionSource: many batches are asked for in as few requests as their ids allow."""

import pytest

from airflow_provider_groq.hooks.source import ConnectionSource


@pytest.fixture
async def source(groq_emulator):
    source = ConnectionSource("groq_default")
    yield source
    await source.close()


async def test_200_ids_of_groqs_are_one_request(groq_emulator, make_batch, source):
    ids = [make_batch(), *(f"batch_{number:026d}" for number in range(199))]
    groq_emulator.clear_requests()
    looks = await source.look_at(ids)
    assert looks.batch(ids[0]).id == ids[0]
    assert len(groq_emulator.requests()) == 1


async def test_long_ids_are_asked_for_in_addresses_that_servers_take(groq_emulator, make_batch, source):
    made = [make_batch(), make_batch()]
    ids = [made[0], *(f"batch_{number:0344d}" for number in range(198)), made[1]]
    groq_emulator.clear_requests()
    looks = await source.look_at(ids)
    assert list(looks.items) == made
    assert not looks.ignored
    requests = groq_emulator.requests()
    assert len(requests) == 10
    assert max(len(f"GET {request.path}?{request.query} HTTP/1.1") for request in requests) < 8_000
