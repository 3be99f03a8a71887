"""Airflow as it stands where one machine is not enough: each part a session of its own, on PostgreSQL and Redis."""

import base64
import os
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil
from system.fire.sessions import Session
from system.rest import Airflow, await_that

from airflow_provider_groq.demo.home import Home, Standalone, airflow, free_port, get_json

SLOTS = 4
"""Tasks at a time in each worker."""

PARTS = {
    "api-server": ["api-server", "--host", "127.0.0.1"],
    "dag-processor": ["dag-processor"],
    "scheduler": ["scheduler"],
    # Without log servers, which listen on every address: all parts see the same folder.
    "triggerer-1": ["triggerer", "--skip-serve-logs"],
    "triggerer-2": ["triggerer", "--skip-serve-logs"],
    "worker-1": ["celery", "worker", "--celery-hostname", "worker-1", "--skip-serve-logs"],
    "worker-2": ["celery", "worker", "--celery-hostname", "worker-2", "--skip-serve-logs"],
}

WORKERS = [name for name in PARTS if name.startswith("worker")]

# How soon the loss of a part is noticed. What Airflow waits for by default (5 minutes and more) is too long for a test.
NOTICING = {
    "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__JOB_HEARTBEAT_SEC": "2",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "10",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "60",
    "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "10",
    "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
    "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
}

# What two cores can do.
MODEST = {
    "AIRFLOW__CELERY__SYNC_PARALLELISM": "1",
    "AIRFLOW__CELERY__WORKER_CONCURRENCY": str(SLOTS),
    # No task waits for long in a queue, where it could be taken for lost.
    "AIRFLOW__CORE__PARALLELISM": str(2 * SLOTS),
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",
    "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
}


@dataclass(frozen=True)
class Work:
    """A running task: its process and that of its supervisor (None if it is gone), and the id of its try."""

    task: psutil.Process
    supervisor: psutil.Process | None
    ti_id: str


def settings(postgres, redis, port):
    """Where the parts find each other, and the secrets that they share."""
    url = f"http://127.0.0.1:{port}"
    return {
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(),
        "AIRFLOW__CELERY__BROKER_URL": redis.url,
        "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{postgres.url('psycopg2')}",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": postgres.url("psycopg2"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": postgres.url("asyncpg"),
    }


class Fleet:
    """All parts of Airflow, until the ``with`` block ends; then none of their processes is left."""

    def __init__(self, folder, postgres, redis):
        self.home = Home(folder / "airflow", connection="", dags_folder=Path(__file__).with_name("dags"))
        self.folder = folder
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._environment = self.home.environment(**settings(postgres, redis, port), **NOTICING, **MODEST)
        # The connection is in the database.
        del self._environment["AIRFLOW_CONN_GROQ_DEFAULT"]
        self.parts = {
            name: Session(name, airflow(*command), self._environment, folder / f"{name}.log")
            for name, command in PARTS.items()
        }

    def __enter__(self):
        self.home.path.mkdir()
        done = subprocess.run(airflow("db", "migrate"), env=self._environment, capture_output=True, check=False)
        assert not done.returncode, (done.stdout + done.stderr).decode()
        try:
            for part in self.parts.values():
                part.start()
            await_that(self._healthy, "all parts of Airflow are healthy")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for part in self.parts.values():
            part.kill()

    def rest(self):
        """Airflow's REST API."""
        return Airflow(self)

    login = Standalone.login

    def works(self, *workers):
        """The tasks that run in some workers, or in all. A task leads a process group of its own there."""
        found = []
        for worker in workers or WORKERS:
            processes = {process.pid: process for process in self.parts[worker].processes()}
            for process in processes.values():
                try:
                    title, parent = " ".join(process.cmdline()).split(), process.ppid()
                    leads = os.getpgid(process.pid) == process.pid != os.getsid(process.pid)
                except (ProcessLookupError, psutil.NoSuchProcess):
                    continue
                if leads and title[:1] == ["airflow"]:
                    found.append(Work(process, processes.get(parent), title[-1]))
        return found

    def _healthy(self):
        for part in self.parts.values():
            assert part.exit_code is None, f"{part.name} ended with {part.exit_code}; see {self.folder}"
        try:
            health = get_json(f"{self.url}/api/v2/monitor/health")
        except OSError:
            return False
        return all(health[part]["status"] == "healthy" for part in ("scheduler", "triggerer", "dag_processor"))
