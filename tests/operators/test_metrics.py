"""What tasks tell StatsD of their batches: each thing once, whatever is tried again. The server is a real UDP port."""

import contextlib
import json
import threading
from collections import Counter

import pytest
from airflows import RESCHEDULED, since
from operators.conftest import SMALL, texts
from tries import REQUEST

from airflow_provider_groq.batches import polling
from airflow_provider_groq.exceptions import GroqBatchResultsPendingError
from airflow_provider_groq.jobs.work_folder import SpoolFolder
from airflow_provider_groq.operators.batch import GroqDownloadBatchResultsOperator
from airflow_provider_groq.operators.job import ending


def told(statsd, *parts):
    """The counters whose names begin with one of these."""
    return {
        name: count for name, count in statsd.counts().items() if name.startswith(tuple(f"groq.{p}" for p in parts))
    }


def test_a_batch_is_told_of_when_it_is_made_and_when_it_has_ended(tries, groq_emulator, statsd):
    groq_emulator.set(seconds=0.3)
    tries.run(wait_for_completion=True)
    assert told(statsd, "batches", "requests", "rows", "tokens") == {
        "groq.batches.submitted": 1,
        "groq.batches.completed": 1,
        "groq.requests.completed": 1,
    }
    assert {metric.tags["conn_id"] for metric in statsd.metrics()} == {"groq_default"}
    (waited,) = statsd.values("groq.waits.worker")
    assert 20 < waited < 60_000
    assert statsd.counts()["groq.polls"] >= 2
    assert len(statsd.values("groq.batches.duration")) == 1


def test_a_batch_that_is_not_waited_for_has_no_end(tries, statsd):
    tries.run()
    assert told(statsd, "batches", "requests") == {"groq.batches.submitted": 1}


def test_a_try_that_finds_its_batch_has_resumed_it(tries, statsd):
    tries.run()
    tries.forget_the_end()
    tries.run()
    assert told(statsd, "batches") == {"groq.batches.submitted": 1, "groq.batches.resumed": 1}


def test_a_batch_without_its_result_files_ends_when_they_are_there(tries, groq_emulator, statsd):
    groq_emulator.set(seconds=0, results_delay=1000)
    with pytest.raises(GroqBatchResultsPendingError):
        tries.run(wait_for_completion=True)
    groq_emulator.advance(1000)
    tries.run(wait_for_completion=True)
    assert told(statsd, "batches", "requests") == {
        "groq.batches.submitted": 1,
        "groq.batches.resumed": 1,
        "groq.batches.completed": 1,
        "groq.requests.completed": 1,
    }


def test_a_batch_whose_answer_was_lost_was_submitted_once(tries, groq_emulator, statsd):
    groq_emulator.fault("/batches", method="POST", drop="after")
    tries.run()
    assert len(groq_emulator.batches()) == 1
    assert told(statsd, "batches") == {"groq.batches.submitted": 1}


def test_doubles_that_are_cancelled_are_counted(tries, groq_emulator, statsd):
    groq_emulator.set(listing_delay=1000, seconds=1000)
    for _ in range(3):
        tries.run()
        tries.forget()
    groq_emulator.set(listing_delay=0)
    tries.run()
    assert told(statsd, "batches") == {
        "groq.batches.submitted": 3,
        "groq.batches.doubles_cancelled": 2,
        "groq.batches.resumed": 1,
    }


def test_a_batch_that_expires_is_told_with_what_was_done_of_it(create, context, groq_emulator, statsd):
    groq_emulator.set(seconds=0.2, outcome="expired")
    requests = [{"custom_id": f"row-{number}", "body": REQUEST["body"]} for number in range(5)]
    create(requests=requests).execute(context)
    (batch,) = groq_emulator.batches()
    assert batch["request_counts"] == {"total": 5, "completed": 2, "failed": 0}
    assert told(statsd, "batches", "requests") == {
        "groq.batches.submitted": 1,
        "groq.batches.expired": 1,
        "groq.requests.completed": 2,
        "groq.requests.expired": 3,
    }


def test_a_download_tells_rows_and_tokens_by_model(make_batch, groq_emulator, context, statsd, tmp_path, quick):
    groq_emulator.set(seconds=0, failing_requests={"row-3": 422})
    batch_id = make_batch(SMALL, SMALL, SMALL)
    operator = GroqDownloadBatchResultsOperator(task_id="download", batch_id=batch_id, output_path=str(tmp_path))
    statsd.clear()
    manifest = operator.execute(context)
    assert told(statsd, "batches", "requests") == {}
    assert told(statsd, "rows") == {"groq.rows.succeeded": 2, "groq.rows.failed": 1}
    tokens = manifest["tokens"][SMALL]
    found = [
        (metric.name, metric.tags["model"], metric.value) for metric in statsd.metrics() if "tokens" in metric.name
    ]
    assert found == [(f"groq.tokens.{kind}", SMALL, tokens[f"{kind}_tokens"]) for kind in ("prompt", "completion")]


def used(groq_emulator):
    """The tokens in all answers of all batches."""
    sums = Counter()
    for batch in groq_emulator.batches():
        if batch.get("output_file_id"):
            for line in groq_emulator.file_content(batch["output_file_id"]).splitlines():
                usage = json.loads(line)["response"]["body"]["usage"]
                for kind in ("prompt", "completion"):
                    sums[f"groq.tokens.{kind}"] += usage[f"{kind}_tokens"]
    return dict(sums)


def test_a_job_tells_each_round_of_requests_and_each_row_once(stored_job, groq_emulator, statsd):
    """Of 8 rows one fails, and is sent again in a second round."""
    groq_emulator.set(failing_requests={"row-3": {"error": "capacity_exceeded", "times": 1}})
    stored_job.run(max_rounds=2, delete_files=False)
    assert len(stored_job.sent()) == 4
    assert told(statsd, "batches", "requests", "rows", "tokens") == {
        "groq.batches.submitted": 4,
        "groq.batches.completed": 4,
        "groq.requests.completed": 8,
        "groq.requests.failed": 1,
        "groq.rows.succeeded": 8,
        **used(groq_emulator),
    }


@pytest.fixture
def killed(monkeypatch):
    """Ends tries of a job at some function, as a SIGKILL does."""

    @contextlib.contextmanager
    def at(owner, name):
        def die(*_, **__):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(owner, name, die)
            with pytest.raises(KeyboardInterrupt):
                yield

    return at


def test_a_job_that_is_killed_and_tried_again_tells_nothing_twice(stored_job, groq_emulator, statsd, killed):
    """While it waits, before it lands, and after it has landed."""
    with killed(polling.Poller, "poll"):
        stored_job.run(delete_files=False)
    assert told(statsd, "batches") == {"groq.batches.submitted": 3}
    with killed(ending, "write_parts"):
        stored_job.run(delete_files=False)
    assert told(statsd, "batches") == {
        "groq.batches.submitted": 3,
        "groq.batches.resumed": 3,
        "groq.batches.completed": 3,
    }
    before = told(statsd, "batches", "requests", "tokens")
    with killed(ending, "remove_folder"):
        stored_job.run(delete_files=False)
    stored_job.run(delete_files=False)
    assert told(statsd, "batches", "requests", "tokens") == before
    assert told(statsd, "requests", "rows") == {"groq.requests.completed": 8, "groq.rows.succeeded": 8}
    assert told(statsd, "tokens") == used(groq_emulator)


def test_what_a_try_resumes_is_told_without_reading_the_seals_again(stored_job, statsd, killed, monkeypatch):
    with killed(polling.Poller, "poll"):
        stored_job.run()
    read, rounds = [], SpoolFolder.rounds
    monkeypatch.setattr(SpoolFolder, "rounds", lambda folder: read.append(folder) or rounds(folder))
    with killed(ending, "write_parts"):
        stored_job.run()
    assert told(statsd, "batches")["groq.batches.resumed"] == 3
    assert len(read) == 2  # to go on, and to land


def test_a_clear_that_lands_again_tells_rows_again_and_no_tokens(stored_job, groq_emulator, statsd):
    stored_job.run(delete_files=False)
    stored_job.clear()
    stored_job.run(delete_files=False)
    assert told(statsd, "batches", "rows", "tokens") == {
        "groq.batches.submitted": 3,
        "groq.batches.completed": 3,
        "groq.rows.succeeded": 16,
        **used(groq_emulator),
    }


def test_a_batch_that_fails_for_a_transient_cause_has_ended_too(stored_job, groq_emulator, statsd, monkeypatch):
    monkeypatch.setattr("airflow_provider_groq.operators.job.batches.PAUSES", (0.1, 0.1))
    groq_emulator.set(outcomes=["server_error"])
    stored_job.run(rows=texts(2))
    assert told(statsd, "batches") == {
        "groq.batches.submitted": 2,
        "groq.batches.failed": 1,
        "groq.batches.completed": 1,
    }


@pytest.fixture
def ends_after_a_poll(groq_emulator):
    """Batches last until somebody has polled one."""
    groq_emulator.set(seconds=10_000)

    def end():
        while not groq_emulator.requests("GET", "/batches/"):
            if over.wait(0.05):
                return
        groq_emulator.advance(10_000)

    over = threading.Event()
    thread = threading.Thread(target=end)
    thread.start()
    yield
    over.set()
    thread.join()


@pytest.mark.parametrize("way", ["poke", pytest.param("reschedule", marks=since(3, 1, RESCHEDULED)), "deferred"])
@pytest.mark.usefixtures("ends_after_a_poll")
def test_a_sensor_has_names_of_its_own(run_dag, make_batch, statsd, way):
    batch_id = make_batch()
    statsd.clear()
    assert run_dag(f"sense_{way}", batch_id=batch_id).state == "success"
    assert told(statsd, "batches", "sensor", "requests") == {"groq.sensor.completed": 1}
    assert len(statsd.values("groq.waits.triggerer" if way == "deferred" else "groq.waits.sensor")) == 1


@pytest.mark.parametrize("way", ["worker", "deferred"])
def test_a_dag_tells_of_its_batch_once(run_dag, groq_emulator, statsd, way):
    groq_emulator.set(seconds=0.4 if way == "worker" else 2)  # deferred before the batch ends
    assert run_dag(f"create_{way}").state == "success"
    assert told(statsd, "batches", "requests") == {
        "groq.batches.submitted": 1,
        "groq.batches.completed": 1,
        "groq.requests.completed": 1,
    }
    assert len(statsd.values("groq.waits.worker")) == 1
    assert len(statsd.values("groq.waits.triggerer")) == (way == "deferred")
    if way == "deferred":
        assert statsd.values("groq.waits.running")[-1] == 0
        assert statsd.values("groq.polls.lag")
