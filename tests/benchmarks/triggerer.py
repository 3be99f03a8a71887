"""Airflow's own triggerer on 2,000 deferred sensors, beside 2,000 idle triggers; then killed, and taken over.

    python tests/benchmarks/triggerer.py [WAITS] [--ramp SECONDS] [--watched SECONDS]

Prints memory and CPU of all processes of the triggerer, watched when all triggers are running.
"""

import argparse
import os
import re
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from system.rest import await_that
from system.triggerer import Triggerers

from airflow_provider_groq.demo.home import Home
from airflow_provider_groq.emulator import GroqEmulator
from airflow_provider_groq.hooks.groq import GroqHook

EXTRA_MB, EXTRA_CPU_S = 15.0, 0.3
TICKS = os.sysconf("SC_CLK_TCK")
LINE = b'{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"m","messages":[]}}\n'


def processes(session):
    """The processes of a session: CPU seconds and memory, summed."""
    cpu = memory = 0.0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[3]) != session:
                continue
            cpu += (int(fields[11]) + int(fields[12])) / TICKS
            pss = re.search(r"^Pss:\s+(\d+)", stat.with_name("smaps_rollup").read_text(), re.MULTILINE)
            memory += int(pss[1]) / 1000
        except (FileNotFoundError, ProcessLookupError):
            continue
    return cpu, memory


def watch(triggerers, log, options):
    """Start a triggerer, and watch it when it runs all triggers."""
    process = triggerers.start(log)
    await_that(lambda: triggerers.begun() == options.waits, f"{options.waits} triggers have begun")
    time.sleep(options.ramp)
    before, _ = processes(process.pid)
    time.sleep(options.watched)
    after, memory = processes(process.pid)
    return process, (after - before) * 60 / options.watched, memory


def make_batches(emulator, number):
    os.environ["AIRFLOW_CONN_GROQ_DEFAULT"] = emulator.connection_json
    with GroqHook() as hook, tempfile.TemporaryFile() as file:
        file.write(LINE)
        file_id = hook.upload_file(file).id
        return [hook.create_batch(file_id).id for _ in range(number)]


def measure_idle(folder, triggerers, options):
    with (folder / "idle.log").open("wb") as log:
        triggerers.defer(["idle"] * options.waits)
        return watch(triggerers, log, options)[1:]


def measure_groq(folder, triggerers, emulator, options):
    batch_ids = make_batches(emulator, options.waits)
    with (folder / "groq.log").open("wb") as log:
        triggerers.defer(batch_ids)
        emulator.clear_requests()
        process, cpu, memory = watch(triggerers, log, options)
        requests = len(emulator.requests())
        triggerers.stop(process, signal.SIGKILL)
        emulator.advance(20_000)
        start = time.monotonic()
        triggerers.start(log)
        await_that(lambda: set(triggerers.states()) == {"scheduled"}, "all are to be resumed")
        took = time.monotonic() - start
        right = sorted(triggerers.poll()) == [[n, "scheduled", b, "terminal", 1] for n, b in enumerate(batch_ids)]
    cancelled = len(emulator.requests("POST", "/batches/"))
    return cpu, memory, requests, took, right, cancelled


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("waits", type=int, nargs="?", default=2_000)
    parser.add_argument("--ramp", type=float, default=75.0, help="until the waits have reached their interval of 20 s")
    parser.add_argument("--watched", type=float, default=60.0, help="for how long it is watched, in seconds")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, GroqEmulator(seconds=10_000) as emulator:
        folder = Path(name)
        homes = [Home(folder / name / "airflow", emulator.connection_json) for name in ("idle", "groq")]
        with Triggerers(homes[0]) as idle, Triggerers(homes[1], like=homes[0]) as groq:
            idle_cpu, idle_memory = measure_idle(folder, idle, options)
            idle.stop_all()
            cpu, memory, requests, took, right, cancelled = measure_groq(folder, groq, emulator, options)
    print(f"{options.waits:,} triggers          CPU s a minute   MB (all processes)")
    print(f"idle                {idle_cpu:>14.2f}   {idle_memory:>18.0f}")
    print(f"waiting for batches {cpu:>14.2f}   {memory:>18.0f}")
    print(f"above idle          {cpu - idle_cpu:>14.2f}   {memory - idle_memory:>18.0f}")
    print(f"Requests to the server until then: {requests}.")
    print(
        f"After SIGKILL, a second triggerer had resumed all {took:.0f} s after its start; "
        f"each with its own event, none twice: {right}; cancelled: {cancelled}."
    )
    missed = cpu - idle_cpu > EXTRA_CPU_S or memory - idle_memory > EXTRA_MB
    print(f"Limit above idle: {EXTRA_CPU_S} CPU s, {EXTRA_MB:.0f} MB.{' MISSED' if missed else ''}")
    return int(missed or not right or cancelled > 0)


if __name__ == "__main__":
    sys.exit(main())
