"""Anthropic's operator does what docs/coming-from.md says of it. Its server is a small one here."""

import asyncio
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from coming_from.conftest import needs
from tries import TaskInstance

REQUESTS = [
    {"custom_id": name, "params": {"max_tokens": 9, "messages": [{"role": "user", "content": name}]}} for name in "abc"
]
NONE = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)


class Anthropic(ThreadingHTTPServer):
    """Anthropic's Message Batches.

    Attributes:
        ends: Whether batches have ended when they are created.
        counts: The counts of those that have ended.
        refuses: Whether it refuses to say how a batch stands.
        polls: How often it was asked how a batch stands.
        posts: The paths that were posted to.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.ends, self.counts, self.refuses = True, {"succeeded": 3}, False
        self.polls, self.posts, self.requests = 0, [], []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def batch(self, number):
        time = "2026-11-26T08:00:00Z"
        return {
            "id": f"msgbatch_{number}",
            "type": "message_batch",
            "processing_status": "ended" if self.ends else "in_progress",
            "request_counts": NONE | (self.counts if self.ends else {"processing": 3}),
            "created_at": time,
            "expires_at": "2026-11-27T08:00:00Z",
            "ended_at": time if self.ends else None,
            "results_url": f"{self.url}/results" if self.ends else None,
            "archived_at": None,
            "cancel_initiated_at": None,
        }

    def result(self, request):
        message = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": request["params"]["model"],
            "content": [{"type": "text", "text": request["params"]["messages"][0]["content"]}],
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }
        return {"custom_id": request["custom_id"], "result": {"type": "succeeded", "message": message}}


class Handler(BaseHTTPRequestHandler):
    """What it answers."""

    def do_GET(self):
        if self.path == "/results":
            lines = (json.dumps(self.server.result(request)) for request in self.server.requests)
            self.answer(200, "\n".join(lines))
        else:
            self.server.polls += 1
            self.answer(400 if self.server.refuses else 200, json.dumps(self.server.batch(self.path[-1])))

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.posts.append(self.path)
        if not self.path.endswith("/cancel"):
            self.server.requests = json.loads(body)["requests"]
        self.answer(200, json.dumps(self.server.batch(self.server.posts.count("/v1/messages/batches"))))

    def answer(self, status, text):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        """Nothing on the screen."""


CREATE, CANCEL = "/v1/messages/batches", "/v1/messages/batches/msgbatch_1/cancel"


@pytest.fixture
def anthropic(monkeypatch):
    needs("anthropic")
    with Anthropic() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        connection = {"conn_type": "anthropic", "host": server.url, "password": "sk-ant-emulator"}
        monkeypatch.setenv("AIRFLOW_CONN_ANTHROPIC_DEFAULT", json.dumps(connection))
        yield server
        server.shutdown()
        thread.join()


def run(ti=None, **options):
    """One try."""
    from airflow.providers.anthropic.operators.batch import AnthropicBatchOperator

    ask = AnthropicBatchOperator(task_id="ask", requests=REQUESTS, poll_interval=0.01, **options)
    try:
        return ask.execute({"ti": ti or TaskInstance()})
    finally:
        ask.hook.conn.close()


def test_each_try_creates_another_batch_and_pushes_its_id(anthropic):
    ti = TaskInstance()
    assert [run(ti), run(ti)] == ["msgbatch_1", "msgbatch_2"]
    assert ti.pushed == {"batch_id": "msgbatch_2"}
    assert anthropic.posts == [CREATE, CREATE]


@pytest.mark.parametrize(
    "counts",
    [{"succeeded": 1, "errored": 1, "expired": 1}, {"errored": 3}, {"expired": 3}, {"succeeded": 1, "canceled": 2}],
)
def test_it_succeeds_if_requests_failed(anthropic, counts):
    anthropic.counts = counts
    assert run() == "msgbatch_1"


def test_it_fails_for_a_retry_if_told_to(anthropic):
    from airflow.providers.anthropic.exceptions import AnthropicBatchJobError
    from airflow.sdk.exceptions import AirflowFailException

    anthropic.counts = {"succeeded": 2, "errored": 1}
    with pytest.raises(AnthropicBatchJobError) as error:
        run(fail_on_partial_error=True)
    assert not isinstance(error.value, AirflowFailException)


def test_a_batch_that_was_cancelled_as_a_whole_skips_the_task(anthropic):
    from airflow.sdk.exceptions import AirflowSkipException

    anthropic.counts = {"canceled": 3}
    with pytest.raises(AirflowSkipException):
        run()


def test_it_cancels_at_its_timeout(anthropic):
    from airflow.providers.anthropic.exceptions import AnthropicBatchTimeout

    anthropic.ends = False
    with pytest.raises(AnthropicBatchTimeout):
        run(timeout=0.1)
    assert anthropic.posts == [CREATE, CANCEL]


def test_the_fifth_failed_poll_cancels(anthropic):
    anthropic.refuses = True
    with pytest.raises(Exception, match="400"):
        run()
    assert anthropic.posts == [CREATE, CANCEL]
    assert anthropic.polls == 5


def test_its_trigger_cancels_when_killed(anthropic):
    from airflow.providers.anthropic.triggers.batch import AnthropicBatchTrigger

    anthropic.ends = False
    trigger = AnthropicBatchTrigger("anthropic_default", "msgbatch_1", poll_interval=60, end_time=0)
    asyncio.run(trigger.on_kill())
    assert anthropic.posts == [CANCEL]


def test_the_dag_before_runs(anthropic, dag, run_dag):
    ran = run_dag("anthropic_reviews", dag("anthropic_before"))
    assert ran.state == "success"
    said = {"kettle": "Sentiment of: Boils in no time. I love it.", "lamp": "Sentiment of: It broke on the second day."}
    assert ran.xcom("keep") == [said]
    assert anthropic.posts == [CREATE]
