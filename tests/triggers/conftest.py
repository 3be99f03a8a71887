"""Every trigger test runs under a detector of blocking calls."""

import blocking
import pytest
from airflows import cache_secrets


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
