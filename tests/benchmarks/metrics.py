"""What metrics cost a triggerer with 10,000 waits: StatsD on and off by turns, in one process and one run.

    python tests/benchmarks/metrics.py [--tiny]

Waits as in `waits`, on the same server; StatsD goes to a listener in another process.
Prints the CPU of each poll with and without, and which share of it is spent in telling metrics.
"""

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

SERVER = Path(__file__).with_name("waits") / "server.py"
LISTENER = """
import socket, sys
listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
listener.bind(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
packets = 0
while listener.recv(65536) != b"end":
    packets += 1
print(packets, flush=True)
"""
LIMIT = 0.02


class Scale(NamedTuple):
    """How many waits with which interval (s), and how often each is watched for how long (s)."""

    waits: int
    interval: float
    turns: int
    watched: float


FULL, TINY = Scale(10_000, 20.0, 8, 20.0), Scale(400, 2.0, 1, 10.5)


class Clock:
    """The CPU time that is spent in the calls of a method."""

    def __init__(self, owner, name):
        self.seconds = 0.0
        method = getattr(owner, name)

        def call(*args):
            begin = time.thread_time()
            method(*args)
            self.seconds += time.thread_time() - begin

        setattr(owner, name, call)


def switch(statsd_port):
    """Airflow's metrics, on or off, as its configuration has them."""
    from airflow.sdk.observability import stats
    from airflow.sdk.observability.metrics import stats_utils

    os.environ["AIRFLOW__METRICS__STATSD_ON"] = str(statsd_port is not None)
    os.environ["AIRFLOW__METRICS__STATSD_PORT"] = str(statsd_port or 0)
    stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=True)


async def wait_for(batch_id, interval):
    from airflow_provider_groq.triggers.batch import GroqBatchTrigger

    async for _ in GroqBatchTrigger([batch_id], "groq_default", interval, end_time=time.time() + 86_400).run():
        pass


async def measure(scale, statsd_port, polls):
    """CPU seconds of each turn, without and with metrics, and the share of the latter that is theirs."""
    from airflow_provider_groq import telemetry

    clock = Clock(telemetry.TriggererPolls, "add")
    ids = (f"batch_{number:08}" for number in range(scale.waits))
    tasks = [asyncio.create_task(wait_for(batch_id, scale.interval)) for batch_id in ids]
    await asyncio.sleep(11 + 2.5 * scale.interval)
    without, with_, shares = [], [], []
    for _ in range(scale.turns):
        for port, took in ((None, without), (statsd_port, with_)):
            switch(port)
            telemetry.prepare()
            clock.seconds, begin, before = 0.0, time.process_time(), await polls()
            await asyncio.sleep(scale.watched)
            used = time.process_time() - begin
            took.append(used / (await polls() - before))
            if port:
                shares.append(clock.seconds / used)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return statistics.median(without), statistics.median(with_), statistics.median(shares)


def start(*command):
    """A process that says its port, and that port."""
    process = subprocess.Popen(
        [sys.executable, "-u", *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    return process, int(process.stdout.readline())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="as few as show that it measures")
    scale = TINY if parser.parse_args().tiny else FULL
    server, port = start(str(SERVER))
    listener, statsd_port = start("-c", LISTENER)

    async def polls():
        def ask():
            with socket.create_connection(("127.0.0.1", port)) as connection, connection.makefile("rb") as answer:
                connection.sendall(b"GET /stats HTTP/1.1\r\n\r\n")
                while line := answer.readline().strip():
                    if line.startswith(b"content-length"):
                        size = int(line.split()[1])
                return json.loads(answer.read(size))["polls"]

        return await asyncio.to_thread(ask)

    with tempfile.TemporaryDirectory() as home:
        root = {"conn_type": "groq", "host": f"http://127.0.0.1:{port}", "password": "k"}
        os.environ |= {"AIRFLOW_HOME": home, "AIRFLOW_CONN_GROQ_DEFAULT": json.dumps(root)}
        os.environ["AIRFLOW__METRICS__STATSD_HOST"] = "127.0.0.1"
        without, with_, share = asyncio.run(measure(scale, statsd_port, polls))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.sendto(b"end", ("127.0.0.1", statsd_port))
    packets = int(listener.stdout.readline())
    for process in (server, listener):
        process.terminate()
        process.communicate()
    print(f"{scale.waits:,} waits, CPU of a poll: {without * 1e6:.1f} µs without metrics, {with_ * 1e6:.1f} µs with.")
    print(f"Metrics: {share:.2%} of the CPU, {packets} packets. Limit: {LIMIT:.0%}.{' MISSED' * (share > LIMIT)}")
    return int(share > LIMIT or not packets)


if __name__ == "__main__":
    sys.exit(main())
