"""Waits in one event loop: this package beside OpenAI's, Anthropic's and common-ai's triggers, in one run.

    python tests/benchmarks/waits [--quick]

Each measurement has a process of its own; all ask the same server on loopback, which answers after 50 ms.
Prints a table, and writes it with a chart into docs/performance.md.
"""

import argparse
import importlib.util
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

from report import write

FOLDER = Path(__file__).parent
INTERVAL, WARM_UP, WATCHED = 20.0, 65.0, 60.0
OURS = (1, 100, 1_000, 10_000, 50_000)
PEERS = (1, 1_000)
PACKAGES = {
    "groq": "airflow_provider_groq",
    "openai": "airflow.providers.openai",
    "anthropic": "airflow.providers.anthropic",
    "common_ai": "airflow.providers.common.ai",
}


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


def measure(package, waits, port, warm_up, watched):
    print(f"{package}, {waits:,} waits ...", file=sys.stderr, flush=True)
    command = [sys.executable, FOLDER / "run.py", package, waits, port, INTERVAL, warm_up, watched]
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
    parser.add_argument("--quick", action="store_true", help="few waits, for a short time; writes nothing")
    options = parser.parse_args()
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
            sizes = OURS if package == "groq" else PEERS
            for waits in sizes[:2] if options.quick else sizes:
                timing = (12.0, 5.0) if options.quick else (WARM_UP, WATCHED)
                results.append(measure(package, waits, port, *timing))
    finally:
        server.terminate()
        server.wait()
        server.stdin.close()
        server.stdout.close()
    write(results, None if options.quick else FOLDER.parents[2] / "docs")


if __name__ == "__main__":
    main()
