"""The whole of Airflow in its own processes, on a database of its own."""

import json
import os
import signal
from contextlib import closing
from pathlib import Path

import pytest
from bundles import BUNDLES
from listeners import Collector, Statsd
from system.job_runs import Job
from system.rest import FILES_STAY, KEY, Airflow

from airflow_provider_groq.demo.home import Home, Standalone
from airflow_provider_groq.emulator import GroqEmulator

TESTS = Path(__file__).parents[1]
PRICES = {
    "openai/gpt-oss-20b": {"input": 1.0, "output": 10.0},
    "openai/gpt-oss-120b": {"input": 2.0, "output": 20.0},
}
"""Of Airflow's configuration."""


@pytest.fixture(scope="session", autouse=True)
def ends_in_order():
    """SIGTERM ends the tests as Ctrl-C does, so that all processes that they have started are stopped."""

    def end(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.hookimpl(trylast=True)  # when all else of the test is torn down
def pytest_runtest_teardown(item, nextitem):
    """The Airflow that tests share ends with the last of them: until the end of all tests it would cost much CPU."""
    last = nextitem is None or "airflow" not in nextitem.fixturenames
    for shared in item._fixtureinfo.name2fixturedefs.get("airflow", ()) if last else ():
        shared.finish(item._request)


@pytest.fixture(scope="session")
def emulator():
    with GroqEmulator(seconds=40, api_key=KEY) as emulator:
        yield emulator


@pytest.fixture
def slow_batches(emulator):
    """Batches last, however slowly this machine works off a task's tries."""
    emulator.set(seconds=600)
    yield
    emulator.set(seconds=40)


@pytest.fixture
def start_job(airflow, emulator, slow_batches, tmp_path):
    """Starts a run of a Dag with a whole job, in a folder of its own."""

    def start(way, name=None, **options):
        return Job(airflow, emulator, tmp_path / (name or way), way, **options)

    return start


@pytest.fixture(scope="session")
def told():
    """What Airflow sends its metrics to, and its spans."""
    with closing(Statsd()) as statsd, closing(Collector()) as collector:
        yield statsd, collector


@pytest.fixture(scope="session")
def airflow(emulator, told, new_database, tmp_path_factory):
    """Scheduler, triggerer, API server and Dag processor on a database of their own.

    When the tests have run, the key is in no file of theirs: no log, rendered field, trigger's row, XCom or exception;
    and in no span.
    """
    folder = tmp_path_factory.mktemp("standalone")
    lineage = folder / "lineage.jsonl"
    home = Home(folder / "airflow", emulator.connection_json)
    new_database(home.path)
    settings = {
        **FILES_STAY,
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__GROQ__PRICES": json.dumps(PRICES),
        # The same account; of one job only, whatever jobs of other tests still run.
        "AIRFLOW_CONN_GROQ_MEASURED": emulator.connection_json,
        BUNDLES: os.environ[BUNDLES],
        **told[0].settings(),
        **told[1].settings(),
        # Where its provider is installed.
        "AIRFLOW__OPENLINEAGE__DISABLED": "False",
        "AIRFLOW__OPENLINEAGE__EXECUTION_TIMEOUT": "600",
        "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps({"type": "file", "log_file_path": str(lineage), "append": True}),
    }
    output = folder / "standalone.log"
    with output.open("wb") as log, Standalone(home, log, **settings) as standalone:
        airflow = Airflow(standalone, output)
        airflow.lineage = lineage
        yield airflow
        airflow.close()
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {".log", ".db"} <= {path.suffix for path in files}
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []
    assert [body for body in told[1].bodies if KEY.encode() in body] == []
