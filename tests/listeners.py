"""What metrics and spans are sent to: a StatsD server and an OpenTelemetry collector, both on loopback."""

import re
import socket
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

METRIC = re.compile(r"airflow\.(?P<name>[^:,|]+)(?P<tags>,[^:|]*)?:(?P<value>[-+\d.e]+)\|(?P<kind>c|g|ms)")


class Metric(NamedTuple):
    name: str
    tags: dict
    value: float
    kind: str


class Statsd:
    """A StatsD server: a UDP port, and what came to it."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._packets = []
        self._marks = Counter()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def settings(self):
        """Airflow's settings that send metrics here, with their tags in InfluxDB's form."""
        return {
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__STATSD_PORT": str(self.port),
            "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": "True",
        }

    def _receive(self):
        while (packet := self._socket.recv(65536)) != b"end":
            with self._changed:
                if packet.startswith(b"mark"):
                    self._marks[packet] += 1
                    self._changed.notify_all()
                else:
                    self._packets.append(packet.decode())

    def _send(self, packet):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(packet, ("127.0.0.1", self.port))

    def metrics(self):
        """Those of this package that have come, in order."""
        mark = b"mark%d" % len(self._marks)
        self._send(mark)
        with self._changed:
            assert self._changed.wait_for(lambda: self._marks[mark], 10)
            found = [match for packet in self._packets for match in METRIC.finditer(packet)]
        return [
            Metric(
                match["name"],
                dict(tag.split("=") for tag in (match["tags"] or "").split(",") if tag),
                float(match["value"]),
                match["kind"],
            )
            for match in found
            if match["name"].startswith("groq.")
        ]

    def counts(self, conn_id=None):
        """The sum of each counter, by name: of all connections, or of one."""
        sums = Counter()
        for metric in self.metrics():
            if metric.kind == "c" and conn_id in {None, metric.tags["conn_id"]}:
                sums[metric.name] += metric.value
        return dict(sums)

    def values(self, name, conn_id=None):
        """All values of a timer or gauge: of all connections, or of one."""
        return [
            metric.value
            for metric in self.metrics()
            if metric.name == name and conn_id in {None, metric.tags["conn_id"]}
        ]

    def clear(self):
        self.metrics()
        with self._changed:
            self._packets.clear()

    def close(self):
        self._send(b"end")
        self._thread.join()
        self._socket.close()


@pytest.fixture
def statsd(monkeypatch):
    """A StatsD server that Airflow, in this process, sends its metrics to."""
    from airflows import send_metrics, statsd_logger

    server = Statsd()
    for name, value in server.settings().items():
        monkeypatch.setenv(name, value)
    clients = []

    def made():
        logger = statsd_logger()
        clients.append(logger.statsd)
        return logger

    send_metrics(made)
    yield server
    send_metrics()
    for client in clients:
        client.close()
    server.close()


class Span(NamedTuple):
    name: str
    trace_id: bytes
    span_id: bytes
    parent: bytes
    attributes: dict
    seconds: float
    error: str


class Collector:
    """An OpenTelemetry collector: an HTTP port, and what came to it.

    Attributes:
        metrics: The kinds of metrics by name.
        bodies: All requests, as they came.
    """

    def __init__(self):
        self._spans = []
        self.metrics = {}
        self.bodies = []
        self._lock = threading.Lock()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                take = {"/v1/traces": collector._take_spans, "/v1/metrics": collector._take_metrics}[self.path]
                body = self.rfile.read(int(self.headers["content-length"]))
                collector.bodies.append(body)
                take(body)
                self.send_response(200)
                self.send_header("content-type", "application/x-protobuf")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
        self._thread.start()

    def settings(self):
        """Settings of Airflow and OpenTelemetry that send spans here."""
        return {
            "AIRFLOW__TRACES__OTEL_ON": "True",
            "OTEL_TRACES_EXPORTER": "otlp_proto_http",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{self.address}/v1/traces",
        }

    def _take_metrics(self, body):
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            for scope in resource.scope_metrics:
                self.metrics |= {metric.name: metric.WhichOneof("data") for metric in scope.metrics}

    def _take_spans(self, body):
        request = ExportTraceServiceRequest.FromString(body)
        spans = [
            Span(
                span.name,
                span.trace_id,
                span.span_id,
                span.parent_span_id,
                {pair.key: _value(pair.value) for pair in span.attributes},
                (span.end_time_unix_nano - span.start_time_unix_nano) / 1e9,
                span.status.message,
            )
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]
        with self._lock:
            self._spans += spans

    def spans(self):
        """All spans that have come."""
        with self._lock:
            return list(self._spans)

    def close(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _value(value):
    kind = value.WhichOneof("value")
    return [_value(item) for item in value.array_value.values] if kind == "array_value" else getattr(value, kind)


@pytest.fixture
def collector(monkeypatch):
    """A collector that this process sends its spans to when asked, and not every 5 s too, as a task of Airflow does."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    server = Collector()
    provider = TracerProvider()
    exporter = OTLPSpanExporter(f"{server.address}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=3_600_000))
    monkeypatch.setattr("opentelemetry.trace._TRACER_PROVIDER", provider)
    yield server
    provider.shutdown()
    server.close()
