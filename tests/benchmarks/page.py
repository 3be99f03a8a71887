"""How long the page "Groq batches" takes for 1,000 batches, as Airflow's own API server answers it.

    python tests/benchmarks/page.py [BATCHES] [--rounds N]

Each round waits until the page asks Groq again. Of the rounds, the least time is printed, and that of Groq's answer
alone, which is the emulator's.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from unittest import mock

import httpx

sys.path.insert(0, str(Path(__file__).parents[1]))

from system.rest import PATIENCE, await_that

from airflow_provider_groq.demo.home import Home, airflow, free_port, stop_session
from airflow_provider_groq.emulator import GroqEmulator
from airflow_provider_groq.hooks.groq import GroqHook
from airflow_provider_groq.ui.account import FRESH_SECONDS

LIMIT_S = 1.0
LINE = b'{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"m","messages":[]}}\n'


def make_batches(emulator, number):
    """Make batches as tasks of ten Dags do."""
    with mock.patch.dict("os.environ", AIRFLOW_CONN_GROQ_DEFAULT=emulator.connection_json), GroqHook() as hook:
        file_id = hook.upload_file(BytesIO(LINE)).id
        for n in range(number):
            owner = {"airflow_dag_id": f"dag_{n % 10}", "airflow_task_id": "create", "airflow_run_id": f"run_{n}"}
            hook.create_batch(file_id, metadata=owner)


@contextmanager
def api_server(folder, connection):
    """Airflow's API server, asked by an admin."""
    home = Home(folder / "airflow", None)
    home.migrate()
    home.save_connection(connection)
    port = free_port()
    environment = home.environment(AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS="True")
    command = airflow("api-server", "--apps", "core", "--host", "127.0.0.1", "--port", str(port), "--workers", "1")
    with (folder / "api-server.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE, trust_env=False) as client:

                def token():
                    try:
                        return client.get("/auth/token").raise_for_status().json()["access_token"]
                    except httpx.HTTPError:
                        return None

                client.headers["Authorization"] = f"Bearer {await_that(token, 'the API server answers')}"
                yield client
        finally:
            stop_session(process)


def seconds_of(get):
    began = time.perf_counter()
    answer = get().raise_for_status()
    return time.perf_counter() - began, answer.json()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("batches", type=int, nargs="?", default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    pages, listings = [], []
    with tempfile.TemporaryDirectory() as name, GroqEmulator(seconds=100_000) as emulator:
        emulator.set(page_size=options.batches)
        make_batches(emulator, options.batches)
        key = {"Authorization": "Bearer gsk_of_the_benchmark"}
        with api_server(Path(name), emulator.connection_json) as client:
            for _ in range(options.rounds):
                emulator.clear_requests()
                seconds, page = seconds_of(lambda: client.get("/groq/api/connections/groq_default/batches"))
                assert sum(len(group["batches"]) for group in page["groups"]) == options.batches
                assert len(emulator.requests("GET", "/batches")) >= 1
                pages.append(seconds)
                listings.append(
                    seconds_of(lambda: httpx.get(f"{emulator.url}/openai/v1/batches", headers=key, trust_env=False))[0]
                )
                time.sleep(FRESH_SECONDS)
    missed = min(pages) > LIMIT_S
    print(f"{options.batches:,} batches: {min(pages):.2f} s, of which Groq's answer {min(listings):.2f} s.")
    print(f"Limit: {LIMIT_S} s.{' MISSED' if missed else ''}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
