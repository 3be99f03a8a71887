"""Waits in one event loop: this package beside OpenAI's, Anthropic's and common-ai's triggers, in one run.

    python tests/benchmarks/waits [--quick | --tiny]

Beside them, a bare loop: 200 ids a request, JSON, a glance at each status, and nothing else.

Each measurement has a process of its own; all ask the same server on loopback, which answers after 50 ms.
Prints a table, and writes it with a chart into docs/explanation/performance.md.
"""

import argparse
import importlib.util
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from report import write

FOLDER = Path(__file__).parent
OWN = ("bare", "groq")
PACKAGES = {
    "bare": "httpx",
    "groq": "airflow_provider_groq",
    "openai": "airflow.providers.openai",
    "anthropic": "airflow.providers.anthropic",
    "common_ai": "openai",  # its own adapter's client; common-ai itself is installed for the tests
}


class Scale(NamedTuple):
    """How many waits are measured of the first two and of the others, and for how long, in seconds."""

    own: tuple[int, ...]
    peers: tuple[int, ...]
    interval: float
    warm_up: float
    watched: float


FULL = Scale((1, 100, 1_000, 10_000, 50_000), (1, 1_000), 20.0, 65.0, 60.0)
QUICK = Scale((1, 100), (1, 1_000), 20.0, 12.0, 5.0)
TINY = Scale((20,), (2,), 2.0, 9.0, 5.0)


def is_installed(module):
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def connections(port):
    """The connections of all packages, to the server."""
    root = f"http://127.0.0.1:{port}"
    types = {
        "GROQ": ("groq", root),
        "OPENAI": ("openai", f"{root}/v1"),
        "PYDANTICAI": ("openai", f"{root}/v1"),
        "ANTHROPIC": ("anthropic", root),
    }
    return {
        f"AIRFLOW_CONN_{name}_DEFAULT": json.dumps({"conn_type": kind, "host": host, "password": "k"})
        for name, (kind, host) in types.items()
    }


def measure(package, waits, port, scale):
    print(f"{package}, {waits:,} waits ...", file=sys.stderr, flush=True)
    command = [sys.executable, FOLDER / "run.py", package, waits, port, scale.interval, scale.warm_up, scale.watched]
    done = subprocess.run(
        [str(part) for part in command],
        env=os.environ | connections(port),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        timeout=1200,
        check=False,
    )
    try:
        return json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return {"package": package, "waits": waits, "failed": f"ended with exit code {done.returncode}"}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    scale = parser.add_mutually_exclusive_group()
    for name, value, text in (("--quick", QUICK, "few waits"), ("--tiny", TINY, "as few as show that it measures")):
        scale.add_argument(
            name, dest="scale", action="store_const", const=value, default=FULL, help=f"{text}; writes nothing"
        )
    scale = parser.parse_args().scale
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # -u: the port comes at once.
    server = subprocess.Popen(
        [sys.executable, "-u", str(FOLDER / "server.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        port = int(server.stdout.readline())
        results = []
        for package, module in PACKAGES.items():
            if not is_installed(module):
                print(f"{package} is not installed: install the dependency group bench.", file=sys.stderr)
                continue
            sizes = scale.own if package in OWN else scale.peers
            results += [measure(package, waits, port, scale) for waits in sizes]
    finally:
        server.terminate()
        server.wait()
        server.stdin.close()
        server.stdout.close()
    write(results, FOLDER.parents[2] / "docs" / "explanation" if scale is FULL else None)


if __name__ == "__main__":
    main()
