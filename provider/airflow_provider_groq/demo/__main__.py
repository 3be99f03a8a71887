"""``python -m airflow_provider_groq.demo``: see the provider at work."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from airflow_provider_groq.demo.home import CONN_ID, Home, Standalone, airflow, own_folder, stop_session
from airflow_provider_groq.demo.progress import shown
from airflow_provider_groq.demo.table import accounts, categories, render
from airflow_provider_groq.emulator import GroqEmulator

DAG_ID = "groq_rows_to_answers"
SETTINGS = {
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
}

BATCH_SECONDS = 16.0
"""Longer than a task polls before it defers, 10 s; and over when its trigger may first say so, 10 s later."""


def main() -> int:
    """Run the demo; 0 if it went well."""
    options = arguments()
    # Ctrl-C, a plain kill and a closed terminal all end the `with` blocks, which stop what they started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    folder: Path = options.folder.absolute()
    try:
        with own_folder(folder) as (path, lock), connection() as groq:
            if path.name != "airflow":
                say(f"Another Airflow runs in {folder / 'airflow'}: this one runs separately, in {path}.")
            home = Home(path, None if options.standalone else groq, lock=lock)
            if not home.database.exists():
                say("Creating Airflow's database.")
            home.migrate()
            return stay(home, groq, options.port) if options.standalone else run(home, folder)
    except KeyboardInterrupt:
        say("Stopped.")
        return 130
    except (RuntimeError, OSError) as error:
        say(f"The demo failed: {error}")
        return 1


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m airflow_provider_groq.demo", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(".demo"), help="folder for all files (.demo)")
    parser.add_argument("--standalone", action="store_true", help="start all of Airflow, and keep it running")
    parser.add_argument("--port", type=int, help="Airflow's port, with --standalone (a free one)")
    return parser.parse_args()


@contextmanager
def connection() -> Iterator[str]:
    """The connection: to Groq itself if there is a key, else to an emulator that lives as long."""
    key = os.environ.get("GROQ_API_KEY")
    if key:
        say("GROQ_API_KEY is set: Groq answers the rows, which may take a while and costs little.")
        yield json.dumps({"conn_type": "groq", "password": key})
        return
    with GroqEmulator(seconds=BATCH_SECONDS) as emulator:
        say(
            f"GROQ_API_KEY is not set: an emulator of Groq at {emulator.url} answers the rows in {BATCH_SECONDS:.0f} s."
        )
        yield emulator.connection_json


def run(home: Home, folder: Path) -> int:
    """Run the example Dag once, show its progress, and end with a table of answers."""
    output = Path(tempfile.mkdtemp(prefix="run-", dir=folder))
    log = output / "airflow.log"
    say(f"Running the example Dag {DAG_ID}: one row for each installed Python package.")
    command = airflow("dags", "test", DAG_ID, "--conf", json.dumps({"output_path": str(output)}))
    with log.open("w", encoding="utf-8") as file:
        code = follow(command, home, file.write)
    results = sorted(output.glob("*/manifest.json"))
    if code or not results:
        say(f"The Dag run failed. Airflow's log is {log}.")
        return 1
    manifest = json.loads(results[0].read_text(encoding="utf-8"))
    print(f"\n{render(categories(manifest, results[0].parent))}\n\n{accounts(manifest)}\n", flush=True)
    say(f"The manifest, which lists the answers' files: {results[0]}")
    return 0


def follow(command: list[str], home: Home, keep: Callable[[str], object]) -> int:
    """Run a command, show what matters of its output, keep all of it, and return its exit code."""
    process = subprocess.Popen(
        command,
        env=home.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        pass_fds=home.descriptors,
        start_new_session=True,
    )
    last = ""
    try:
        for line in process.stdout or ():
            keep(line)
            text = shown(line)
            if text and text != last:  # trigger and task tell of the same end
                say(text)
                last = text
        return process.wait()
    finally:
        stop_session(process)


def stay(home: Home, groq: str, port: int | None) -> int:
    """Start the whole of Airflow, say where it is, and stay until stopped."""
    home.save_connection(groq)
    log = home.path / "standalone.log"
    say(f"Starting Airflow; its log is {log}.")
    with log.open("wb") as file, Standalone(home, file, port=port, **SETTINGS) as running:
        user, password = running.login()
        say(f"Airflow is at {running.url}: user {user}, password {password}. Trigger {DAG_ID}.")
        say(f"The connection {CONN_ID} is under Admin, Connections. Ctrl-C stops Airflow.")
        threading.Event().wait()
    return 0


def say(text: str) -> None:
    """Tell the person at the terminal."""
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
