"""Every trigger test runs under a detector of blocking calls."""

import logging

import blocking
import pytest
import structlog
from airflows import cache_secrets

from airflow_provider_groq.triggers.batch import GroqBatchTrigger


@pytest.fixture(autouse=True)
def no_blocking_calls():
    cache_secrets()

    # Code of Airflow and of the tests may block; ours may not.
    with blocking.detected(
        [f"airflow_provider_groq.{name}" for name in ("api", "batches", "hooks", "triggers")]
    ) as detector:
        # A datagram waits for nobody. What may block is to look its address up, which `prepare` does.
        detector.functions["socket.socket.sendto"].can_block_in("airflow_provider_groq/telemetry.py", "_tell")
        yield


@pytest.fixture
def make_batches(make_batch):
    """Makes batches without holding up the event loop."""
    import asyncio

    async def make(number):
        return [await asyncio.to_thread(make_batch) for _ in range(number)]

    return make


class Lines(logging.Handler):
    """What waits say, and in whose context: Airflow sorts the lines of a triggerer by that."""

    def __init__(self):
        super().__init__()
        self.lines = []
        self.contexts = []

    def emit(self, record):
        self.lines.append(record.getMessage())
        self.contexts.append(structlog.contextvars.get_contextvars())


@pytest.fixture
def logged(monkeypatch):
    """What waits say, with the context of each line."""
    lines, log = Lines(), logging.Logger("of all triggers", logging.INFO)  # noqa: LOG001 - one of its own
    log.addHandler(lines)
    monkeypatch.setattr(GroqBatchTrigger, "_log", log)
    return lines


@pytest.fixture
def told(logged):
    """What waits say, as it comes."""
    return logged.lines
