"""Where the cases run: the emulator or, with `--live`, Groq itself; with the sync or the async official client."""

import asyncio
import json
import os
import time
from contextlib import contextmanager, suppress

import groq
import pytest

TERMINAL = {"completed", "failed", "expired", "cancelled"}
LIVE_URL = "https://api.groq.com"
LIVE_PATIENCE = 1800
LIVE_INTERVAL = 15


class Emulated:
    """The emulator, where time passes when it is told to."""

    def __init__(self, emulator):
        self.url = emulator.url
        self.api_key = emulator.api_key
        self._emulator = emulator

    def wait(self):
        self._emulator.advance(15)


class Live:
    """Groq itself."""

    url = LIVE_URL

    def __init__(self, api_key):
        self.api_key = api_key
        self._until = time.monotonic() + LIVE_PATIENCE

    def wait(self):
        if time.monotonic() > self._until:
            pytest.skip(f"Groq has not finished the batch within {LIVE_PATIENCE} s, which it may")
        time.sleep(LIVE_INTERVAL)


class Session:
    """The official client, and what the cases do with it more than once."""

    def __init__(self, client, run, service):
        self.client = client
        self.run = run
        self._service = service
        self._file_ids = []

    def upload(self, *lines):
        """Upload lines (objects, or bytes as they are)."""
        content = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
        file = self.run(self.client.files.create(file=("conformance.jsonl", content), purpose="batch"))
        self._file_ids.append(file.id)
        return file

    def create(self, *lines, **changes):
        """Upload lines and create a batch of them."""
        asked = {"endpoint": "/v1/chat/completions", "completion_window": "24h", "metadata": None}
        return self.run(self.client.batches.create(input_file_id=self.upload(*lines).id, **(asked | changes)))

    def finish(self, batch):
        """Wait until a batch has ended."""
        while batch.status not in TERMINAL:
            self._service.wait()
            batch = self.run(self.client.batches.retrieve(batch.id))
        self._file_ids += [file_id for file_id in (batch.output_file_id, batch.error_file_id) if file_id]
        return batch

    def lines(self, file_id):
        """Return the lines of a result file by `custom_id`."""
        content = self.run(self.run(self.client.files.content(file_id)).read())
        entries = [json.loads(entry) for entry in content.splitlines()]
        return {entry["custom_id"]: entry for entry in entries}

    def delete_files(self):
        """Leave nothing in the account."""
        for file_id in self._file_ids:
            with suppress(groq.NotFoundError):
                self.run(self.client.files.delete(file_id))


@pytest.fixture
def service(request):
    if not request.config.getoption("--live"):
        return Emulated(request.getfixturevalue("groq_emulator"))
    if not os.environ.get("GROQ_API_KEY"):
        pytest.skip("--live needs GROQ_API_KEY")
    return Live(os.environ["GROQ_API_KEY"])


@contextmanager
def sync_session(service, api_key):
    # Strict: an answer that is not of the type that Groq's own schema says is an error.
    with groq.Groq(api_key=api_key, base_url=service.url, _strict_response_validation=True) as client:
        yield Session(client, lambda value: value, service)


@contextmanager
def async_session(service, api_key):
    with asyncio.Runner() as runner:

        def run(value):
            return runner.run(value) if asyncio.iscoroutine(value) else value

        client = groq.AsyncGroq(api_key=api_key, base_url=service.url, _strict_response_validation=True)
        try:
            yield Session(client, run, service)
        finally:
            run(client.close())


@pytest.fixture(params=[sync_session, async_session], ids=["sync", "async"])
def session_with(request, service):
    """Return a session with a given key."""
    return lambda api_key: request.param(service, api_key)


@pytest.fixture
def session(session_with, service):
    with session_with(service.api_key) as session:
        yield session
        session.delete_files()
