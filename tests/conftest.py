"""What all tests share: an Airflow of their own, and Groq's emulator."""

import atexit
import fcntl
import json
import os
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path

import pytest
from bundles import BUNDLES, bundles

pytest_plugins = ["browser", "disks", "listeners", "tries"]  # what several folders of tests use

TESTS = Path(__file__).parent
HOME = tempfile.mkdtemp(prefix="airflow-")
atexit.register(shutil.rmtree, HOME, ignore_errors=True)


# Airflow reads its environment when it is first imported.
for variable in [name for name in os.environ if name.startswith(("AIRFLOW_", "OPENLINEAGE_"))]:
    del os.environ[variable]
os.environ |= {
    "AIRFLOW_HOME": HOME,
    "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "600",  # a busy machine is slow
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
    BUNDLES: bundles(TESTS / "dags", TESTS.parent / "example_dags"),
    "AIRFLOW__OPENLINEAGE__DISABLED": "True",  # but where a test asks for it
    "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    "NO_COLOR": "1",
}


def pytest_addoption(parser):
    parser.addoption(
        "--live",
        action="store_true",
        help="run the conformance tests against Groq itself, with the key in GROQ_API_KEY",
    )
    parser.addoption(
        "--pictures", action="store_true", help="take the documentation's pictures of Airflow anew, in docs/images"
    )
    parser.addoption("--crash-rounds", type=int, default=30, help="how many rounds of the crash test to run")
    parser.addoption("--job-rounds", type=int, default=15, help="how many of them with a whole job")
    parser.addoption("--thrifty-rounds", type=int, default=6, help="how many with one that is to pay for nothing twice")
    parser.addoption("--crash-seed", default="1", help="the seed that decides what happens in them")
    parser.addoption("--fire-runs", type=int, default=6, help="how many Dag runs real Airflow makes under fire")
    parser.addoption(
        "--fire-seed",
        type=int,
        action="append",
        help="which parts are killed when under fire; give it several times for several tests",
    )


IN_ONE_PROCESS = (
    # Tests that start an Airflow each:
    (
        "tests/benchmarks/test_triggerer.py",
        "tests/emulator/test_docs.py",
        "tests/system/test_event_trigger.py",
        "tests/system/test_triggerer.py",
        "tests/test_demo.py",
    ),
    (
        "tests/docs/test_tutorial.py",
        "tests/system/test_fire.py",
        "tests/system/test_page.py",
    ),
    # Those that share one, for as long as those that share another:
    (
        "tests/system/test_assets.py",
        "tests/system/test_job_errors.py",
        "tests/system/test_job_timeouts.py",
        "tests/system/test_money.py",
        "tests/system/test_standalone.py",
    ),
    ("tests/system/",),
    # Tests that share runs of Dags:
    ("tests/lineage/test_events.py",),
    # Tests that run Dags in their own process, of which the first costs as much as ten others:
    (
        "tests/common_ai/test_dag.py",
        "tests/decorators/test_batch.py",
        "tests/links/test_batch.py",
        "tests/operators/test_hard_prompts.py",
        "tests/operators/test_hostile_server.py",
        "tests/operators/test_metrics.py",
        "tests/operators/test_models_from_upstream.py",
        "tests/operators/test_outcomes.py",
        "tests/operators/test_outlets.py",
        "tests/sensors/test_dag.py",
        "tests/storage/test_inputs.py",
        "tests/test_example_dags.py",
    ),
)
"""Files whose tests run in one process; the first group that has a test is its own."""


def pytest_configure(config):
    """Airflow 3.0 and 3.1 leave an event loop, with its pair of sockets, open where dag.test() has run a trigger."""
    if version("apache-airflow-core").startswith(("3.0.", "3.1.")):
        config.addinivalue_line("filterwarnings", "ignore:unclosed event loop:ResourceWarning")
        config.addinivalue_line("filterwarnings", r"ignore:unclosed <socket.socket fd=\d+, family=1,:ResourceWarning")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Groups of files have a process each, and begin first, as they have the most tests.

    pytest-xdist 3.8 knows such groups by a mark, but pytest 9.2 does not let it say them in the id of a test.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return next((group[0] for group in IN_ONE_PROCESS if nodeid.startswith(group)), nodeid)

    return Scheduling(config, log) if config.getvalue("dist") == "loadgroup" else None


@pytest.fixture(scope="session")
def new_database(tmp_path_factory):
    """Puts a new database of Airflow and its configuration into a folder, which its `Home` then need not make.

    It is made once for all processes of tests: a migration takes some seconds.
    """
    from airflow_provider_groq.demo.home import Home

    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # of all workers
    made = Home(folder / "new-database", None)
    with (folder / "new-database.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made.migrate()

    def put(path):
        path.mkdir(parents=True, exist_ok=True)
        for name in (made.database.name, "migrated-by"):
            shutil.copy(made.path / name, path)
        # Processes of one Airflow that start together would each write a configuration with secrets of its own.
        config = (made.path / "airflow.cfg").read_text().replace(str(made.path), str(path))
        (path / "airflow.cfg").write_text(config)

    return put


@pytest.fixture(scope="session")
def airflow_database(new_database):
    """The database of these tests' own Airflow."""
    new_database(Path(HOME))


@pytest.fixture
def quick(monkeypatch):
    """No waiting for what only a real worker and triggerer need."""
    monkeypatch.setattr("airflow_provider_groq.operators.waiting.WATCH_SECONDS", 0.0)
    monkeypatch.setattr("airflow_provider_groq.triggers.batch.EARLIEST_EVENT", 0.0)
    monkeypatch.setattr("airflow_provider_groq.batches.poll_loop.LINGER", 0.02)
    monkeypatch.setattr("airflow_provider_groq.batches.poll_loop.EARLY", 0.0)
    monkeypatch.setattr("airflow_provider_groq.batches.polling.NOT_FOUND_GRACE", 0.5)
    monkeypatch.setattr("airflow_provider_groq.batches.polling.RESULTS_GRACE", 0.5)
    monkeypatch.setattr("airflow_provider_groq.batches.polling.FIRST_PAUSE", 0.05)
    monkeypatch.setattr("airflow_provider_groq.batches.polling.FIRST_BACKOFF", 0.01)
    monkeypatch.setattr("airflow_provider_groq.batches.polling.LATE_BY", 0.0)
    monkeypatch.setattr("airflow_provider_groq.submission.submit.LOOKUPS", (0.0, 0.1, 0.2))


@pytest.fixture(scope="session")
def memory_storage():
    """An object storage in memory, at memory://."""
    from airflow.sdk.io import attach
    from fsspec.implementations.memory import MemoryFileSystem

    attach("memory", fs=MemoryFileSystem())
    return "memory://bucket"


class Ran:
    """A Dag run that has ended."""

    def __init__(self, run, log):
        self.state = str(run.state)
        self.run_id = run.run_id
        self.log = log
        self._run = run

    def task(self, task_id, map_index=-1):
        return self._run.get_task_instance(task_id, map_index=map_index)

    def xcom(self, task_id, key="return_value", map_index=-1):
        from airflow.models.xcom import XComModel
        from airflow.utils.session import create_session
        from sqlalchemy import select

        with create_session() as session:
            query = select(XComModel).where(
                XComModel.run_id == self._run.run_id,
                XComModel.dag_id == self._run.dag_id,
                XComModel.task_id == task_id,
                XComModel.key == key,
                XComModel.map_index == map_index,
            )
            return [XComModel.deserialize_value(row) for row in session.execute(query).scalars()]


@pytest.fixture(scope="session")
def file_of():
    """Finds the file of a Dag in a folder of these tests or of the examples."""
    from airflows import NEWER_EXAMPLES, dag_bag

    files = {}

    def file_of(dag_id, folder):
        if folder not in files:
            bag = dag_bag(folder)
            assert {Path(name).name for name in bag.import_errors} <= NEWER_EXAMPLES
            files[folder] = {dag.dag_id: Path(dag.fileloc) for dag in bag.dags.values()}
        return files[folder][dag_id]

    return file_of


@pytest.fixture
def run_dag(airflow_database, file_of, groq_emulator, quick, capfd, monkeypatch):
    """Runs a Dag with Airflow's own `dag.test()`, triggers and all."""
    from airflows import dag_bag

    def run(dag_id, folder="dags", logical_date=None, **conf):
        file = file_of(dag_id, TESTS / "dags" if folder == "dags" else TESTS.parent / folder)
        # Each run stores all Dags of their bundle anew, which costs more than the run: only those of the file.
        monkeypatch.setenv(BUNDLES, bundles(file))
        dag = dag_bag(file).dags[dag_id]
        capfd.readouterr()
        when = {} if logical_date is None else {"logical_date": logical_date}
        dag_run = dag.test(run_conf=conf, **when)
        return Ran(dag_run, "".join(capfd.readouterr()))

    return run


@pytest.fixture
def make_batch(groq_emulator):
    """Makes a batch, as somebody else would."""
    from airflow_provider_groq.hooks.groq import GroqHook

    def make(*models):
        lines = [
            {
                "custom_id": f"row-{number}",
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": {"model": model, "messages": [{"role": "user", "content": "Hello"}]},
            }
            for number, model in enumerate(models or ("openai/gpt-oss-20b",), 1)
        ]
        with tempfile.TemporaryFile() as file, GroqHook() as hook:
            file.write("".join(json.dumps(line) + "\n" for line in lines).encode())
            return hook.create_batch(hook.upload_file(file).id).id

    return make


@pytest.fixture
def quick_retries(monkeypatch):
    """Calls are sent again at once."""
    monkeypatch.setattr("airflow_provider_groq.api.retry.FIRST_DELAY", 0.01)
    monkeypatch.setattr("airflow_provider_groq.api.retry.LONGEST_DELAY", 0.01)
