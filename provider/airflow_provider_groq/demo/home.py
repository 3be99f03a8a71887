"""A private Airflow: its folder, its environment and its processes."""

from __future__ import annotations

import fcntl
import importlib.metadata
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

import airflow_provider_groq

CONN_ID = "groq_default"
DAGS_FOLDER = Path(airflow_provider_groq.__file__).parent / "example_dags"

START_SECONDS = 300.0
STOP_SECONDS = 20.0
HTTP_OK = 200

PATIENCE = {
    "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "300",
    "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "300",
    "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
}
"""What a busy machine does late. By default, a task may fail where the API server takes more than 5 s to answer."""
LOCK_SECONDS = 60
"""How long a process waits for another's write: SQLite lets one write at a time, and gives up after 5 s by default."""


@dataclass(frozen=True)
class Home:
    """The folder of a private Airflow.

    Attributes:
        path: The folder.
        connection: The connection ``groq_default`` of its environment, as JSON; None for one of its database.
        dags_folder: Where its Dags are.
        lock: A file descriptor that says the folder is taken, for its processes to hold too; None for none.
    """

    path: Path
    connection: str | None
    dags_folder: Path = DAGS_FOLDER
    lock: int | None = None

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What its processes inherit: a lock then lasts as long as they do."""
        return () if self.lock is None else (self.lock,)

    @property
    def database(self) -> Path:
        """The file of its database."""
        return self.path / "airflow.db"

    def environment(self, **settings: str) -> dict[str, str]:
        """The environment of its processes: this one's, without what another Airflow left in it."""
        ours = {key: value for key, value in os.environ.items() if not key.startswith("AIRFLOW_")}
        if self.connection is not None:
            ours[f"AIRFLOW_CONN_{CONN_ID.upper()}"] = self.connection
        return ours | {
            "AIRFLOW_HOME": str(self.path),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags_folder),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.database}?timeout={LOCK_SECONDS}",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "NO_COLOR": "1",
            # Airflow starts its parts as `airflow ...`.
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
            "PYTHONUNBUFFERED": "1",
            **PATIENCE,
            **settings,
        }

    def migrate(self) -> None:
        """Make the database, or bring it up to date. Does nothing if this Airflow's version has done so before.

        Raises:
            RuntimeError: Airflow could not.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        done, version = self.path / "migrated-by", importlib.metadata.version("apache-airflow-core")
        if self.database.exists() and done.exists() and done.read_text() == version:
            return
        self._run("db", "migrate")
        done.write_text(version)

    def save_connection(self, connection: str) -> None:
        """Put ``groq_default`` into the database, where Airflow's list shows it; the key is encrypted there.

        Args:
            connection: The connection, as JSON.

        Raises:
            RuntimeError: Airflow could not.
        """
        # Airflow's form sends port 0 where there is none, and 3.3's Test button tests no other port than the saved one.
        fields = json.loads(connection)
        extra = fields.get("extra")
        # Where there is none: each task would warn that two characters are too short a secret to mask.
        saved = {CONN_ID: fields | {"port": 0, "extra": json.dumps(extra) if extra else None}}
        # In a file that nobody else can read, rather than among the arguments of a process.
        with tempfile.NamedTemporaryFile("w", dir=self.path, suffix=".json", encoding="utf-8") as file:
            json.dump(saved, file)
            file.flush()
            self._run("connections", "import", "--overwrite", file.name)

    def _run(self, *arguments: str) -> None:
        done = subprocess.run(airflow(*arguments), env=self.environment(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"airflow {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")


@contextmanager
def own_folder(parent: Path) -> Iterator[tuple[Path, int]]:
    """Take a folder for an Airflow: ``airflow``, or ``airflow-2`` and so on where another Airflow runs in that.

    Yields:
        The folder, and the descriptor of the lock that it is ours by.
    """
    for number in itertools.count(1):
        path = parent / ("airflow" if number == 1 else f"airflow-{number}")
        path.mkdir(parents=True, exist_ok=True)
        with (path / "in-use").open("wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield path, lock.fileno()
            return


def airflow(*arguments: str) -> list[str]:
    """The command that runs this Python's Airflow."""
    return [sys.executable, "-m", "airflow", *arguments]


class Standalone:
    """The whole of Airflow (``airflow standalone``) on a port of its own, until the ``with`` block ends.

    Its processes are a session of their own, so that all of them can be stopped: they outlive their parent.

    Args:
        home: Its folder.
        log: Where its output goes.
        port: Its port on loopback; a free one if None.
        base_path: The path of its address, such as ``/airflow``, as behind a proxy that serves more than Airflow.
        settings: More of its environment.

    Raises:
        RuntimeError: It ended, or was not ready in time.
    """

    def __init__(
        self, home: Home, log: IO[bytes], *, port: int | None = None, base_path: str = "", **settings: str
    ) -> None:
        self.home = home
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}{base_path}"
        self._log = log
        self._settings = settings

    def __enter__(self) -> Self:
        environment = self.home.environment(
            AIRFLOW__API__HOST="127.0.0.1",
            AIRFLOW__API__PORT=str(self.port),
            AIRFLOW__API__BASE_URL=self.url,
            AIRFLOW__CORE__EXECUTION_API_SERVER_URL=f"{self.url}/execution/",
            AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT=str(free_port()),
            AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT=str(free_port()),
            **self._settings,
        )
        self.process = subprocess.Popen(
            airflow("standalone"),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            pass_fds=self.home.descriptors,
            start_new_session=True,
        )
        try:
            self._await_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def login(self) -> tuple[str, str]:
        """User and password."""
        passwords: dict[str, str] = json.loads(
            (self.home.path / "simple_auth_manager_passwords.json.generated").read_text()
        )
        return next(iter(passwords.items()))

    def stop(self) -> None:
        """Stop all of its processes."""
        stop_session(self.process)

    def _await_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._healthy():
            if self.process.poll() is not None:
                raise RuntimeError(f"Airflow ended while starting, with exit code {self.process.returncode}.")
            if time.monotonic() > deadline:
                raise RuntimeError(f"Airflow was not ready within {START_SECONDS:.0f} s.")
            time.sleep(0.5)

    def _healthy(self) -> bool:
        try:
            health = get_json(f"{self.url}/api/v2/monitor/health")
        except OSError:
            return False
        parts = ("metadatabase", "scheduler", "triggerer", "dag_processor")
        return all((health.get(part) or {}).get("status") == "healthy" for part in parts)


def stop_session(process: subprocess.Popen[Any]) -> None:
    """Stop a process that leads a session, and all others of it, whatever else is signalled meanwhile."""
    handlers = {
        number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        for number in (signal.SIGTERM, signal.SIGKILL):
            deadline = time.monotonic() + STOP_SECONDS
            left = _signal_session(process, number)
            while left and time.monotonic() < deadline:
                time.sleep(0.1)
                left = _signal_session(process, 0)
        process.wait()
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _signal_session(process: subprocess.Popen[Any], number: int) -> bool:
    """Signal all processes of a session; whether there were any."""
    process.poll()
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def get_json(url: str) -> Any:
    """What a loopback address answers.

    Raises:
        OSError: Nobody answers, or with an error.
    """
    with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - our own address
        return json.load(answer)


def free_port() -> int:
    """A free port of loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
