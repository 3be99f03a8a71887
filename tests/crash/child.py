"""One try of a task, run in a process of its own that may be killed, or kills itself at a given exchange."""

import asyncio
import json
import os
import random
import signal
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import httpx
from airflow.sdk import ObjectStoragePath
from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType, TaskDeferred
from airflow.sdk.execution_time.comms import ErrorResponse

from airflow_provider_groq.api import retry
from airflow_provider_groq.batches import poll_loop, polling
from airflow_provider_groq.compat import AirflowFailException
from airflow_provider_groq.operators import waiting
from airflow_provider_groq.operators.batch import GroqCreateBatchOperator
from airflow_provider_groq.operators.inference import GroqBatchInferenceOperator
from airflow_provider_groq.operators.job import answers, apart, batches, ending, known, rounds, start  # noqa: F401 - loaded once, before forks
from airflow_provider_groq.submission import submit
from airflow_provider_groq.triggers import batch as triggers

with ObjectStoragePath("file:///dev/null").open("wb") as _:
    _.write(b"")  # Airflow loads all of its providers and plugins for that: once, before forks

FILE_EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree"}
"""What Python tells an audit hook of files."""


def run(job):
    """Run the try that `job` describes; its result goes to a file, its output to another."""
    output = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ["AIRFLOW_CONN_GROQ_DEFAULT"] = job["connection"]
    make_quick()
    if job["at"] is not None:
        act = act_at_file if job["when"] == "file" else act_at_exchange
        act(job)
    context = context_of(job)
    try:
        result = execute(lambda: OPERATORS[job["kind"]](job), context)
    except AirflowFailException:
        result = landed(job)
        if result is None:
            raise
    write(Path(job["result"]), result)


def landed(job):
    """What a job has landed that failed for good; None if it has not."""
    with suppress(KeyError, FileNotFoundError):
        manifest = json.loads((Path(job["options"]["output_path"]) / "manifest.json").read_text())
        return manifest if manifest["job"]["generation"] == job["max_tries"] else None
    return None


def create_operator(job):
    return GroqCreateBatchOperator(task_id="create", poll_interval=0.1, **job["options"])


def inference_operator(job):
    """Its rows come in another order at each call."""

    def rows():
        numbers = list(job["numbers"])
        random.Random(f"{job['began']} {job['try']}").shuffle(numbers)
        numbers.sort(key=lambda number: number != job["first"])
        for number in numbers:
            yield {"custom_id": f"row-{number}", "text": f"Row {number % job['questions']}", "number": number}

    return GroqBatchInferenceOperator(
        task_id="create",
        rows=rows,
        prompt_template="What is {text}?",
        model="openai/gpt-oss-20b",
        escalate=[{"model": "openai/gpt-oss-120b"}],
        shard_size=3,
        poll_interval=0.1,
        retries=job["retries"],
        **job["options"],
    )


OPERATORS = {"create": create_operator, "job": inference_operator}


def execute(make, context):
    """As Airflow does it, deferral and all."""
    try:
        return make().execute(context)
    except TaskDeferred as error:
        deferred = error
    while True:
        payload = asyncio.run(payload_of(deferred.trigger))
        try:
            return getattr(make(), deferred.method_name)(context, payload, **(deferred.kwargs or {}))
        except TaskDeferred as error:
            deferred = error


async def payload_of(trigger):
    kind, kwargs = trigger.serialize()
    assert kind.endswith("GroqBatchTrigger")
    (event,) = [event async for event in triggers.GroqBatchTrigger(**json.loads(json.dumps(kwargs))).run()]
    return json.loads(json.dumps(event.payload))


def make_quick():
    """No waiting for what only a real Groq needs."""
    retry.FIRST_DELAY = retry.LONGEST_DELAY = 0.02
    waiting.WATCH_SECONDS = 0.1
    triggers.EARLIEST_EVENT = 0.0
    poll_loop.LINGER, poll_loop.EARLY = 0.02, 0.0
    polling.FIRST_PAUSE, polling.FIRST_BACKOFF, polling.LATE_BY = 0.05, 0.02, 0.0
    polling.NOT_FOUND_GRACE = polling.RESULTS_GRACE = 2.0
    submit.LOOKUPS = (0.0, 0.1, 0.2, 0.4, 0.8)


def act_at_file(job):
    """Signal this very process when it opens, moves or removes its file of that number, just before."""
    left = job["at"]

    def heard(event, arguments):
        nonlocal left
        if event in FILE_EVENTS and any(job["files"] in str(argument) for argument in arguments[:2]):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), getattr(signal, job["signal"]))

    sys.addaudithook(heard)


def act_at_exchange(job):
    """Signal this very process at its exchange of that number, before it is sent or before its answer is seen."""
    left, when, signal_name = job["at"], job["when"], job["signal"]
    plain, plain_async = httpx.HTTPTransport.handle_request, httpx.AsyncHTTPTransport.handle_async_request

    def act(now):
        nonlocal left
        left -= now == "before"
        if left == 0 and now == when:
            left = -1
            os.kill(os.getpid(), getattr(signal, signal_name))

    def handle_request(transport, request):
        act("before")
        response = plain(transport, request)
        act("after")
        return response

    async def handle_async_request(transport, request):
        act("before")
        response = await plain_async(transport, request)
        act("after")
        return response

    httpx.HTTPTransport.handle_request = handle_request
    httpx.AsyncHTTPTransport.handle_async_request = handle_async_request


def context_of(job):
    began = datetime.now(UTC)
    ti = SimpleNamespace(
        dag_id="dag",
        task_id="create",
        run_id=job["run_id"],
        map_index=-1,
        try_number=job["try"],
        max_tries=job["max_tries"],
        start_date=began,
        xcom_push=lambda **_: None,
    )
    run = SimpleNamespace(run_after=datetime.fromtimestamp(job["began"], UTC))
    context = {"ti": ti, "dag_run": run}
    return context | {"task_state_store": Store(Path(job["store"]), job["try"])} if job["stored"] else context


class Store:
    """A task state store in a folder. Only the latest try reads and writes it, as with Airflow's own."""

    def __init__(self, folder, number):
        self._folder = folder
        self._number = number

    def get(self, key, default=None):
        with suppress(FileNotFoundError):
            if self._counts():
                return json.loads((self._folder / key).read_text())
        return default

    def set(self, key, value):
        if not self._counts():
            raise AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": 404}))
        write(self._folder / key, value)

    def _counts(self):
        return json.loads((self._folder / "try").read_text()) == self._number


def write(path, value):
    """Write JSON, whole or not at all."""
    part = path.with_name(f"{path.name}.{os.getpid()}.{time.monotonic_ns()}")
    part.write_text(json.dumps(value))
    part.replace(path)


if __name__ == "__main__":
    sys.exit("run by the rounds")
