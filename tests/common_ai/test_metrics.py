"""What common-ai's operators tell StatsD on Groq: the same as this package's own, by the same code."""

import pytest
from airflow.sdk.execution_time.context import set_current_context
from airflows import TaskDeferred
from common_ai.conftest import SMALL, fired, imported

from airflow_provider_groq.exceptions import GroqLostAnswerError

exceptions = imported("exceptions")


def told(statsd, *parts):
    """The counters whose names begin with one of these."""
    return {
        name: count for name, count in statsd.counts().items() if name.startswith(tuple(f"groq.{p}" for p in parts))
    }


def test_a_batch_its_requests_rows_and_tokens_are_counted_once(tries, statsd):
    tries.emulator.set(failing_requests={"*-1": 498})
    tries.run()
    assert told(statsd, "batches", "requests", "rows") == {
        "groq.batches.submitted": 1,
        "groq.batches.completed": 1,
        "groq.requests.completed": 2,
        "groq.requests.failed": 1,
        "groq.rows.succeeded": 2,
        "groq.rows.failed": 1,
    }
    usages = [row["usage"] for row in tries.rows() if row["usage"]]
    assert told(statsd, "tokens") == {
        "groq.tokens.prompt": sum(usage["input_tokens"] for usage in usages),
        "groq.tokens.completion": sum(usage["output_tokens"] for usage in usages),
    }
    assert {metric.tags["model"] for metric in statsd.metrics() if "tokens" in metric.name} == {SMALL}


def test_a_failed_batch_has_ended_though_nobody_asks_for_its_results(tries, statsd):
    tries.emulator.set(outcomes=["token_limit_exceeded"])
    with pytest.raises(exceptions.LLMBatchJobError):
        tries.run()
    assert told(statsd, "batches") == {"groq.batches.submitted": 1, "groq.batches.failed": 1}


def test_a_deferred_task_counts_the_end_when_it_resumes(tries, statsd):
    tries.emulator.set(seconds=0.3)
    with pytest.raises(TaskDeferred) as raised:
        tries.run(deferrable=True)
    payload = fired(raised.value.trigger)
    assert told(statsd, "batches") == {"groq.batches.submitted": 1}
    tries.operator().execute_complete(tries.context(), payload)
    assert told(statsd, "batches", "rows") == {
        "groq.batches.submitted": 1,
        "groq.batches.completed": 1,
        "groq.rows.succeeded": 3,
    }


def test_a_batch_that_is_found_again_is_resumed(tries, statsd):
    tries.emulator.set(listing_delay=1000)
    tries.emulator.fault("/batches", method="POST", drop="after")
    with pytest.raises(GroqLostAnswerError):
        tries.run()
    tries.emulator.advance(1001)
    tries.run()
    assert told(statsd, "batches") == {"groq.batches.resumed": 1, "groq.batches.completed": 1}


@pytest.mark.parametrize("connection", ["groq_default", "groq_other"])
def test_the_connection_is_the_one_that_the_running_task_names(tries, statsd, monkeypatch, connection):
    monkeypatch.setenv("AIRFLOW_CONN_GROQ_OTHER", tries.emulator.connection_json)
    operator = tries.operator(llm_conn_id=connection)
    context = tries.context() | {"task": operator}
    with set_current_context(context):
        operator.execute(context)
    assert {metric.tags["conn_id"] for metric in statsd.metrics()} == {connection}
