"""Every call with every fault: how often it is sent, what it ends in, how long that takes, and what is read."""

import io
import json
import re
import socket
import time
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace

import pytest
from hooks.fault_calls import ENDPOINTS, LINE
from hooks.fault_page import PAGE, page
from hooks.fault_table import ATTEMPTS, FAULTS, GRACE, difference

from airflow_provider_groq.api import retry
from airflow_provider_groq.exceptions import GroqLostAnswerError, GroqNotFoundError

CASES = [pytest.param(e, f, id=f"{e.call}-{f.name}") for e in ENDPOINTS for f in FAULTS]
PASSING = [case for case in CASES if case.values[1].nobody != "is silent"]


@pytest.fixture
def hook(groq_emulator):
    """With the pauses that it has by default."""
    from airflow_provider_groq.hooks.groq import GroqHook

    with GroqHook() as hook:
        yield hook


@pytest.fixture
def pauses(monkeypatch):
    """The pauses between attempts, which pass at once; what else is to happen in them can be added."""
    pauses = SimpleNamespace(seconds=[], then=lambda: None)

    def sleep(seconds):
        pauses.seconds.append(seconds)
        pauses.then()

    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=sleep))
    return pauses


class Anything(BaseHTTPRequestHandler):
    """Gives one answer that is right for every call."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.dumps({"id": "x", "status": "completed", "created_at": 1, "deleted": True, "data": []}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = answer  # noqa: N815 - as its base wants it

    def log_message(self, *_):
        pass


@pytest.fixture
def nobody():
    """A server that is not there yet; `start` lets it begin."""
    server = HTTPServer(("127.0.0.1", 0), Anything, bind_and_activate=False)
    server.server_bind()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})

    def start():
        if not thread.is_alive():
            server.server_activate()
            thread.start()

    yield SimpleNamespace(url=f"http://127.0.0.1:{server.server_port}", start=start)
    if thread.is_alive():
        server.shutdown()
        thread.join()
    server.server_close()


@pytest.fixture
def silent():
    """An address that takes no more connections."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(2):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def world(groq_emulator, hook, connect, new_batch, nobody, silent):
    """Makes a fault befall a call, and makes the call."""

    def world(endpoint, fault, *, times):
        ids = {"file": "file_1", "batch": "batch_1"}
        timeout = 60.0 if fault.at_once else 0.1 if times is None and fault.is_sent_again(endpoint) else 1.0
        tuning = {"password": groq_emulator.api_key, "extra": {"timeout": timeout}}
        if fault.nobody:
            connect(host=nobody.url if fault.nobody == "refuses" else silent, **tuning)
        else:
            ids["batch"] = new_batch()
            ids["file"] = groq_emulator.batches()[0]["input_file_id"]
            path = endpoint.path.partition("?")[0].format(**ids)
            groq_emulator.fault(path, method=endpoint.method, times=times, **fault.script())
            groq_emulator.clear_requests()
            if not fault.at_once:
                hook.close()
                connect(host=groq_emulator.url, **tuning)
        call = f"{endpoint.method} {endpoint.path.partition('?')[0].format(**ids)}"
        said = [text.format(call=call, timeout=f"{timeout:g}", connecting=f"{timeout:g}") for text in fault.said]
        return said, lambda: endpoint.use(hook, ids)

    return world


def is_one_of(text, templates):
    return any(re.fullmatch(".*".join(map(re.escape, template.split("…"))), text) for template in templates)


def in_effect(groq_emulator, endpoint):
    """How often the call took effect, where that can be told."""
    if endpoint.call == "POST /files":
        return len(groq_emulator.files()) - 1
    return len(groq_emulator.batches()) - 1 if endpoint.creates else None


@pytest.mark.parametrize(("endpoint", "fault"), CASES)
def test_a_fault_that_does_not_pass(groq_emulator, world, pauses, endpoint, fault):
    said, call = world(endpoint, fault, times=None)
    other = difference(endpoint, fault)
    start = time.monotonic()
    if other and other.harmless:
        assert call()
        assert pauses.seconds == []
        return
    lost = endpoint.creates and not fault.refusal
    with pytest.raises(GroqLostAnswerError if lost else fault.error) as caught:
        call()
    attempts = fault.attempts(endpoint)
    assert type(caught.value) is (GroqLostAnswerError if lost else fault.error)
    assert caught.value.retryable is (fault.again and not lost)
    assert len(pauses.seconds) == attempts - 1
    assert is_one_of(str(caught.value), [LOST.format(text) for text in said] if lost else said)
    assert sum(pauses.seconds) <= fault.pauses(attempts) <= fault.as_a_rule(attempts) <= fault.at_most(attempts)
    # What was waited for above all is the timeout, which is short here; nothing else takes long.
    assert time.monotonic() - start < attempts * 0.1 + 10
    check_each_pause(fault, pauses.seconds)
    if not fault.nobody and fault.at_once:
        assert len(groq_emulator.requests(endpoint.method)) == attempts
    if not fault.nobody and endpoint.creates:
        assert in_effect(groq_emulator, endpoint) == int(fault.takes_effect)


LOST = (
    "The response to POST /batches was lost ({}), so the batch may exist. The call is not retried, because that "
    "could cost twice. Check https://console.groq.com/batches for a new batch; if there is none, clear the task."
)


def check_each_pause(fault, seconds):
    if fault.asked is not None:
        assert all(fault.asked - 2 < pause <= fault.asked for pause in seconds)
        return
    for number, pause in enumerate(seconds):
        longest = min(retry.LONGEST_DELAY, retry.FIRST_DELAY * 2**number)
        assert longest / 2 <= pause <= longest


@pytest.mark.parametrize(("endpoint", "fault"), PASSING)
def test_a_fault_that_passes(groq_emulator, world, pauses, nobody, endpoint, fault):
    _, call = world(endpoint, fault, times=1)
    pauses.then = nobody.start
    other = difference(endpoint, fault)
    sent_again = fault.is_sent_again(endpoint) and not (other and other.harmless)
    if not fault.is_sent_again(endpoint) or (other and other.once):
        with pytest.raises(GroqNotFoundError if other else (GroqLostAnswerError, fault.error)):
            call()
    else:
        assert call() is not None
    assert len(pauses.seconds) == int(sent_again)
    if fault.nobody:
        return
    assert len(groq_emulator.requests(endpoint.method)) == 1 + int(sent_again)
    if endpoint.creates:
        assert in_effect(groq_emulator, endpoint) == int(fault.takes_effect or sent_again)
    if endpoint.call == "POST /files":
        assert in_effect(groq_emulator, endpoint) == int(fault.takes_effect) + int(sent_again)
    if endpoint.name == "download a file" and sent_again:
        assert call() == LINE


@pytest.mark.parametrize("lasting", [True, False])
@pytest.mark.parametrize("endpoint", [e for e in ENDPOINTS if "{" in e.path or e.creates], ids=lambda e: e.call)
def test_operators_ask_again_for_what_is_not_found(
    groq_emulator, world, pauses, monkeypatch, caplog, endpoint, lasting
):
    """For half a minute, as waits do: what is new is not everywhere at once. The log says so once."""
    from airflow_provider_groq.hooks.errors import retry_not_found

    (fault,) = [fault for fault in FAULTS if fault.name == "404"]
    clock = SimpleNamespace(monotonic=lambda: sum(pauses.seconds))
    monkeypatch.setattr("tenacity.time", clock)
    said, call = world(endpoint, fault, times=None if lasting else 3)
    if lasting:
        with pytest.raises(GroqNotFoundError) as caught:
            retry_not_found(call)
        assert is_one_of(str(caught.value), said)
        assert 30 <= sum(pauses.seconds) <= GRACE
    else:
        assert retry_not_found(call) is not None
        assert len(pauses.seconds) == 3
    assert len(groq_emulator.requests(endpoint.method)) == len(pauses.seconds) + 1
    (line,) = [record.getMessage() for record in caplog.records if "Retrying" in record.getMessage()]
    prefix = "Retrying for up to 30 s: "
    assert line.startswith(prefix)
    assert is_one_of(line.removeprefix(prefix), said)


def test_the_table_is_whole():
    """Each of the hook's calls is in it, and each difference is one of the table's."""
    assert len(ENDPOINTS) * len(FAULTS) == len(CASES) == 176
    assert ATTEMPTS == 6
    assert all(fault.said and fault.error for fault in FAULTS)


def test_the_page_of_the_documentation_is_of_this_table():
    """`make faults` writes it anew."""
    assert Path(PAGE).read_text(encoding="utf-8") == page()


def test_the_whole_file_comes_after_a_cut(groq_emulator, hook, pauses):
    content = LINE * 5000
    file = hook.upload_file(io.BytesIO(content))
    groq_emulator.fault("/files/*/content", drop="middle", times=5)
    sink = io.BytesIO()
    assert hook.download_file(file.id, sink) == len(content)
    assert sink.getvalue() == content
