"""The names of metrics, what they carry, and that nothing fails for them; the StatsD server is a real UDP port."""

import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from airflows import VERSION, since
from opentelemetry.sdk.trace import TracerProvider

from airflow_provider_groq import telemetry
from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.compat import stats

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "metrics.md"
ROW = re.compile(r"^\| (?P<names>`groq\.[^|]+) \| (?P<type>counter|timer|gauge) \| (?P<tags>[^|]+) \|", re.MULTILINE)
KINDS = {"c": "counter", "ms": "timer", "g": "gauge"}


def ended(status, **fields):
    counts = {"total": 5, "completed": 2, "failed": 1}
    described = {"id": "batch_1", "status": status, "created_at": 100, "request_counts": counts} | fields
    return Batch.model_validate(described)


def tell_everything():
    telemetry.submitted("c")
    telemetry.resumed("c", 2)
    telemetry.double_cancelled("c")
    for status in ("completed", "failed", "expired", "cancelled"):
        telemetry.ended("c", ended(status, completed_at=160))
        telemetry.sensed("c", ended(status))
    statuses = ("total", "succeeded", "failed", "expired", "cancelled", "missing", "invalid_output", "not_sent")
    telemetry.landed("c", dict.fromkeys(statuses, 3))
    telemetry.tokens("c", {"m": {"prompt_tokens": 4, "completion_tokens": 5, "total_tokens": 9}})
    for where in ("worker", "triggerer", "sensor"):
        telemetry.wait_ended(where, "c", ["batch_1"], since=0.0)
    telemetry.TriggererPolls("c").add(200, 0.25, 10_000)


def documented():
    """Name, type and tags of all metrics, as the documentation has them."""
    return {
        (name, row["type"], frozenset(re.findall(r"`(\w+)`", row["tags"])))
        for row in ROW.finditer(PAGE.read_text(encoding="utf-8"))
        for name in re.findall(r"`([\w.]+)`", row["names"])
    }


def test_the_documentation_has_each_metric_with_its_type_and_tags(statsd):
    tell_everything()
    found = {(metric.name, KINDS[metric.kind], frozenset(metric.tags)) for metric in statsd.metrics()}
    assert found == documented()


def test_times_are_in_milliseconds(statsd):
    telemetry.ended("c", ended("completed", completed_at=160))
    polls = telemetry.TriggererPolls("c")
    polls.add(200, 0.25, 7)
    assert statsd.values("groq.batches.duration") == [60_000]
    assert statsd.values("groq.polls.lag") == [250]
    assert statsd.values("groq.waits.running") == [7]


def test_polls_of_a_triggerer_are_summed(statsd):
    """The first is told at once, and the rest together; of their lags the worst."""
    polls = telemetry.TriggererPolls("c")
    for lag in (0.1, 0.4, 0.2):
        polls.add(200, lag, 600)
    assert statsd.values("groq.polls") == [200]
    polls.tell(0)
    assert statsd.values("groq.polls") == [200, 400]
    assert statsd.values("groq.polls.lag") == [100, 400]
    assert statsd.values("groq.waits.running") == [600, 0]


@pytest.mark.parametrize("name", ["a,b=c", "groq:x|y", "ü #!()", "x" * 250, "openai/gpt-oss-20b"])
def test_no_name_of_a_connection_or_model_spoils_a_metric(statsd, caplog, name):
    """Airflow drops a metric whose name with its tags has other characters, or is too long."""
    telemetry.submitted(name)
    telemetry.tokens(name, {name: {"prompt_tokens": 1}})
    assert statsd.counts() == {"groq.batches.submitted": 1, "groq.tokens.prompt": 1}
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_batch_whose_counts_and_times_are_not_known_tells_only_that_it_ended(statsd):
    telemetry.ended("c", Batch.model_validate({"id": "batch_1", "status": "completed"}))
    assert [metric.name for metric in statsd.metrics()] == ["groq.batches.completed"]


@pytest.fixture
def broken(monkeypatch, statsd):
    """Each metric ends in an error of the backend."""

    def fail(*_, **__):
        raise ValueError("count must be a positive value.")

    for kind in ("incr", "timing", "gauge", "timer"):
        monkeypatch.setattr(stats(), kind, fail)
    monkeypatch.setattr(telemetry, "_complained", set())


def test_a_backend_that_fails_is_logged_once_and_stops_nothing(broken, caplog):
    telemetry.prepare()
    tell_everything()
    (said,) = (record.getMessage() for record in caplog.records)
    assert said.endswith("could not be sent, and are dropped: ValueError('count must be a positive value.')")


EVERYTHING = """
import airflows
import test_telemetry
test_telemetry.tell_everything()
"""


@since(3, 1, "a process that sends what it has counted before it ends")
def test_opentelemetry_gets_the_same_metrics(collector):
    """In a process of its own, which sends them when it ends, as tasks do."""
    host, port = collector.address.removeprefix("http://").split(":")
    older = {"AIRFLOW__METRICS__OTEL_HOST": host, "AIRFLOW__METRICS__OTEL_PORT": port}
    settings = (older if VERSION < (3, 2) else {}) | {
        "AIRFLOW__METRICS__OTEL_ON": "True",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"{collector.address}/v1/metrics",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]),
    }
    done = subprocess.run(
        [sys.executable, "-c", EVERYTHING], env=os.environ | settings, capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stderr
    kinds = {"counter": "sum", "timer": "exponential_histogram" if VERSION >= (3, 3) else "gauge", "gauge": "gauge"}
    found = {(name.removeprefix("airflow."), kind) for name, kind in collector.metrics.items() if "groq" in name}
    assert found == {(name, kinds[kind]) for name, kind, _ in documented()}


class Broken:
    """A span processor, as users may add it, that fails when a span ends."""

    def on_start(self, span, parent_context=None):
        pass

    def on_end(self, _):
        raise OSError("no room")

    def _on_ending(self, span):
        pass

    def shutdown(self):
        pass

    def force_flush(self, *_):
        raise OSError("no room")


def test_spans_that_cannot_be_sent_stop_nothing(monkeypatch, caplog):
    provider = TracerProvider()
    provider.add_span_processor(Broken())
    monkeypatch.setattr("opentelemetry.trace._TRACER_PROVIDER", provider)
    monkeypatch.setattr(telemetry, "_complained", set())
    with telemetry.span(telemetry.CREATE, "c") as tell:
        tell(batch_id="batch_1")
    telemetry.wait_ended("worker", "c", ["batch_1"], since=0.0)
    telemetry.flush_spans()
    provider.shutdown()
    assert [record.getMessage().rpartition(": ")[2] for record in caplog.records] == ["OSError('no room')"]


LOADED = """
import sys
import airflow_provider_groq.compat, airflow_provider_groq.api.models
before = set(sys.modules)
from airflow_provider_groq import telemetry
with telemetry.span(telemetry.CHECK, "c") as tell:
    tell(requests=1)
print(*sorted(set(sys.modules) - before))
"""


def test_nothing_is_loaded_for_metrics_and_spans_that_nobody_collects():
    """Triggers import it. Where Airflow traces, it has loaded OpenTelemetry itself."""
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert loaded - sys.stdlib_module_names == {"airflow_provider_groq"}
