"""An event loop whose time passes at once, and a Groq that does as it is told."""

import asyncio
import json
import random
import selectors

from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.api.polled import read_polled
from airflow_provider_groq.exceptions import (
    GroqAPIError,
    GroqNotFoundError,
    GroqRateLimitError,
    GroqResponseError,
    GroqTransportError,
)

EPOCH = 1_800_000_000.0


class _Selector(selectors.DefaultSelector):
    loop = None

    def select(self, timeout=None):
        if timeout is None:
            raise RuntimeError("nothing is left that would ever wake anybody")
        self.loop.now += max(0.0, timeout)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Sleeps take no time, and pass as much of it as they say."""

    def __init__(self):
        self.now = 0.0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)
        self._clock_resolution = 1e-6
        self.complaints = []
        self.set_exception_handler(lambda _, context: self.complaints.append(context))

    def time(self):
        return self.now

    def wall(self):
        """What `time.time` says."""
        return EPOCH + self.now


class Groq:
    """Batches that end when told, and faults that last until told otherwise."""

    def __init__(self, loop, seed=0):
        self._loop = loop
        self._random = random.Random(seed)
        self.statuses = {}
        self.fault = None
        self.poison = set()
        self.requests = []
        self.at_once = self.most_at_once = 0

    def batch(self, batch_id):
        status = self.statuses[batch_id]
        output = "file_out" if status == "completed" else None
        return {"id": batch_id, "status": status, "created_at": int(EPOCH), "output_file_id": output}

    async def poll(self, batch_ids):
        assert len(set(batch_ids)) == len(batch_ids) <= 200
        await self._asked(batch_ids)
        listing = {}
        found = [self.batch(batch_id) for batch_id in batch_ids if batch_id in self.statuses]
        match self.fault:
            case "missing":
                found = found[::2]
            case "shuffled":
                self._random.shuffle(found)
            case "foreign":
                found = [{"id": f"foreign_{n}", "status": "completed", "created_at": 1} for n in range(20)]
            case "first page":
                found, listing = found[:20], {"has_more": True}
            case "broken item":
                found[0] = {"id": found[0]["id"], "status": None}
        return read_polled(batch_ids, json.dumps({"data": found} | listing).encode())

    async def get(self, batch_id):
        await self._asked([batch_id])
        if batch_id not in self.statuses:
            raise GroqNotFoundError("no such batch", status_code=404)
        return Batch.model_validate(self.batch(batch_id))

    async def _asked(self, batch_ids):
        self.requests.append((self._loop.now, tuple(batch_ids)))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(0.05)
        finally:
            self.at_once -= 1
        match self.fault:
            case "down":
                raise GroqTransportError("refused", sent=False)
            case "dropped" if self._random.random() < 0.5:
                raise GroqTransportError("reset")
            case "mostly dropped" if self._random.random() < 0.8:
                raise GroqTransportError("reset")
            case "busy":
                raise GroqRateLimitError("too many", status_code=429, retry_after=5.0)
            case "sometimes busy" if self._random.random() < 0.5:
                raise GroqRateLimitError("too many", status_code=429)
            case "poison" if self.poison & set(batch_ids):
                raise GroqAPIError("internal", status_code=500)
            case "truncated":
                raise GroqResponseError("cut short")
            case "shard" if any(batch_id.endswith("3") for batch_id in batch_ids):
                raise GroqAPIError("internal", status_code=500)
