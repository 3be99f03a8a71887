"""The spans of tasks, as they come to an OpenTelemetry collector over HTTP."""

import pytest
from airflows import TaskDeferred
from opentelemetry import trace

from airflow_provider_groq import telemetry
from airflow_provider_groq.compat import AirflowFailException
from airflow_provider_groq.exceptions import TaskStoppedError
from airflow_provider_groq.operators import waiting


def came(collector):
    """The spans by name, once all have been sent."""
    telemetry.flush_spans()
    return {span.name: span for span in collector.spans()}


def test_each_step_has_a_span_that_says_of_what(create, context, groq_emulator, collector):
    groq_emulator.set(seconds=0.5)
    batch_id = create().execute(context)
    (batch,) = groq_emulator.batches()
    spans = came(collector)
    assert set(spans) == {"groq.check", "groq.upload", "groq.create", "groq.wait"}
    told = {
        name: {key.removeprefix("groq."): value for key, value in span.attributes.items()}
        for name, span in spans.items()
    }
    size = len(groq_emulator.file_content(batch["input_file_id"]))
    of = {"conn_id": "groq_default"}
    assert told["groq.check"] == of | {"requests": 1, "bytes": size}
    assert told["groq.upload"] == of | {"file_id": batch["input_file_id"], "bytes": size}
    assert told["groq.create"] == of | {"input_file_id": batch["input_file_id"], "batch_id": batch_id}
    assert told["groq.wait"] == of | {"batch_ids": [batch_id], "batches": 1}
    assert 0.4 < spans["groq.wait"].seconds < 60


def test_an_error_is_in_the_span_of_its_step(create, context, collector):
    with pytest.raises(AirflowFailException):
        create(requests=[{"custom_id": "a"}, {"custom_id": "a"}]).execute(context)
    assert "GroqInputError" in came(collector)["groq.check"].error


def test_what_threads_do_is_under_the_span_of_the_task(stored_job, collector):
    with trace.get_tracer("airflow").start_as_current_span("worker.create"):
        stored_job.run()
    task = came(collector)["worker.create"]
    steps = [span for span in collector.spans() if span.name != "worker.create"]
    assert [span.name for span in steps].count("groq.upload") == 3
    assert {(span.trace_id, span.parent) for span in steps} == {(task.trace_id, task.span_id)}
    assert {span.name for span in steps} == {
        f"groq.{step}" for step in ("check", "upload", "create", "wait", "download", "land")
    }


def test_spans_are_sent_before_a_task_defers(create, context, groq_emulator, collector, monkeypatch):
    """If Airflow alone sent them, the process might stay after the deferral until the trigger has fired."""
    monkeypatch.setattr(waiting, "WATCH_SECONDS", 0.3)
    groq_emulator.set(seconds=100)
    with pytest.raises(TaskDeferred):
        create(deferrable=True).execute(context)
    sent = {span.name for span in collector.spans()}
    assert sent == {"groq.check", "groq.upload", "groq.create", "groq.wait"}


def test_a_span_that_cannot_be_begun_stops_nothing(create, context, groq_emulator, collector, monkeypatch):
    """Such as one of a processor or a sampler that an installation has added."""
    groq_emulator.set(seconds=0.2)

    def fail(*_, **__):
        raise ValueError("no span")

    monkeypatch.setattr(telemetry, "_complained", set())
    monkeypatch.setattr(trace, "get_tracer", fail)
    monkeypatch.setattr(trace, "get_tracer_provider", fail)
    (batch,) = [create().execute(context)]
    assert [made["id"] for made in groq_emulator.batches()] == [batch]
    assert not telemetry.exports_spans()


def test_a_task_that_is_marked_while_its_spans_are_sent_cancels_its_batch(
    create, context, groq_emulator, collector, monkeypatch
):
    groq_emulator.set(seconds=1000)
    monkeypatch.setattr(waiting, "WATCH_SECONDS", 0.0)
    operator = create(deferrable=True)
    context["ti"].state = "failed"
    monkeypatch.setattr(telemetry, "flush_spans", operator.on_kill)
    with pytest.raises(TaskStoppedError):
        operator.execute(context)
    assert [batch["status"] for batch in groq_emulator.batches()] == ["cancelling"]


def test_a_job_that_is_marked_while_its_spans_are_sent_cancels_its_batches(stored_job, collector, monkeypatch):
    stored_job.emulator.set(seconds=1000)
    monkeypatch.setattr(waiting, "WATCH_SECONDS", 0.5)
    operator, context = stored_job.operator(deferrable=True), stored_job.context()
    context["ti"].state = "failed"
    monkeypatch.setattr(telemetry, "flush_spans", operator.on_kill)
    with pytest.raises(TaskStoppedError):
        operator.execute(context)
    assert [batch["status"] for batch in stored_job.emulator.batches()] == 3 * ["cancelling"]
