"""Both clients driven alike, and a server of few words for answers that the emulator cannot give."""

import asyncio
import os
import socket
import threading
from contextlib import ExitStack, suppress
from pathlib import Path

import blocking
import hypothesis
import pytest
from hypothesis.configuration import set_hypothesis_home_dir

from airflow_provider_groq.api import calls
from airflow_provider_groq.api.client import AsyncGroqClient, GroqClient
from airflow_provider_groq.api.settings import Settings
from airflow_provider_groq.api.uploads import upload

set_hypothesis_home_dir(Path(os.environ["AIRFLOW_HOME"], "hypothesis"))
hypothesis.settings.register_profile("suite", database=None, deadline=None, derandomize=True)
hypothesis.settings.load_profile("suite")

KEY = "gsk_0123456789abcdefghijklmnopqrstuv"
LINE = (
    b'{"custom_id": "r1", "method": "POST", "url": "/v1/chat/completions", '
    b'"body": {"model": "openai/gpt-oss-20b", "messages": [{"role": "user", "content": "Hi"}]}}\n'
)


class Sync:
    """`GroqClient`, as the tests call it."""

    def __init__(self, settings):
        self._client = GroqClient(settings)
        self.send = self._client.send
        self.download = self._client.download
        self.close = self._client.close


class Async:
    """`AsyncGroqClient`, each call in an event loop that nothing may block."""

    def __init__(self, settings):
        self._client = AsyncGroqClient(settings)
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)

    def send(self, *args, **kwargs):
        return self._run(self._client.send(*args, **kwargs))

    def download(self, *args):
        return self._run(self._client.download(*args))

    def close(self):
        self._run(self._client.close())
        self._runner.close()

    def _run(self, coroutine):
        with blocking.detected():
            return self._runner.run(coroutine)


@pytest.fixture
def key():
    return KEY


@pytest.fixture
def line():
    return LINE


@pytest.fixture
def settings(groq_emulator):
    """Settings that lead to the emulator, or elsewhere."""

    def make(**changes):
        return Settings(**{"api_key": KEY, "base_url": groq_emulator.url, **changes})

    return make


@pytest.fixture(params=[Sync, Async], ids=["sync", "async"])
def client(request, settings, quick_retries):
    """Makes a client; the same cases go through both kinds."""
    with ExitStack() as stack:

        def make(**changes):
            client = request.param(settings(**changes))
            stack.callback(client.close)
            return client

        yield make


@pytest.fixture
def file_id(settings, tmp_path):
    """A file of one request, uploaded."""
    path = tmp_path / "one.jsonl"
    path.write_bytes(LINE)
    with GroqClient(settings()) as client:
        return client.send(calls.upload_file(upload(path, max_bytes=1000))).id


class Wire:
    """Answers each connection with the next of its replies, the last of them for ever.

    A reply is bytes, or several of them, sent as they are; none at all hangs up without a word.
    """

    def __init__(self):
        self.replies = [b""]
        self.heads = []
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def start(self):
        """Listen; until then connections are refused."""
        self._listener.listen()
        self._thread.start()

    def stop(self):
        if self._thread.is_alive():
            self._listener.shutdown(socket.SHUT_RDWR)
            self._thread.join(5)
        self._listener.close()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.settimeout(5)
                self._answer(connection)

    def _answer(self, connection):
        head, _, body = b"", b"", b""
        while b"\r\n\r\n" not in head:
            received = connection.recv(65536)
            if not received:
                return
            head += received
        head, _, body = head.partition(b"\r\n\r\n")
        self.heads.append(head.decode())
        length = next(
            (int(entry[15:]) for entry in head.lower().split(b"\r\n") if entry.startswith(b"content-length")), 0
        )
        while len(body) < length:
            body += connection.recv(65536)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        for part in [reply] if isinstance(reply, bytes) else reply:
            connection.sendall(part)


@pytest.fixture
def late_wire():
    """One that does not listen yet."""
    wire = Wire()
    yield wire
    wire.stop()


@pytest.fixture
def wire(late_wire):
    late_wire.start()
    return late_wire


@pytest.fixture
def http():
    """Makes a whole HTTP answer."""

    def make(body=b"", status="200 OK", headers=""):
        return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{headers}\r\n".encode() + body

    return make
