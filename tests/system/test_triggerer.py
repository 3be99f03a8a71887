"""A hundred deferred sensors in Airflow's own triggerer, through a restart and a SIGKILL of it."""

import signal

import pytest
from system.rest import await_that
from system.triggerer import Triggerers

from airflow_provider_groq.demo.home import Home

pytestmark = pytest.mark.system

WAITS = 100


def test_every_wait_survives_its_triggerer(groq_emulator, make_batch, new_database, tmp_path):
    """All are resumed with their own event, none twice, and nothing is cancelled."""
    groq_emulator.set(seconds=10_000)
    batch_ids = [make_batch() for _ in range(WAITS)]
    home = Home(tmp_path / "airflow", groq_emulator.connection_json)
    new_database(home.path)
    with (tmp_path / "triggerer.log").open("wb") as log, Triggerers(home) as triggerers:
        triggerers.defer(batch_ids)
        for number in (signal.SIGTERM, signal.SIGKILL):
            groq_emulator.clear_requests()
            triggerer = triggerers.start(log)
            await_that(lambda: asked(groq_emulator), "the triggerer asks for batches")
            assert set(triggerers.states()) == {"deferred"}
            triggerers.stop(triggerer, number)
            assert not groq_emulator.requests("POST")

        groq_emulator.advance(10_000)
        groq_emulator.clear_requests()
        triggerers.start(log)
        await_that(lambda: set(triggerers.states()) == {"scheduled"}, "all task instances are to be resumed")
        looked = sorted(triggerers.poll())
    assert looked == [[index, "scheduled", batch_id, "terminal", 1] for index, batch_id in enumerate(batch_ids)]
    assert not groq_emulator.requests("POST")
    assert len(groq_emulator.requests("GET")) < 10


def asked(groq_emulator):
    return [request for request in groq_emulator.requests("GET") if request.query.startswith("id=")]
