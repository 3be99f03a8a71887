"""Airflow's own triggerer, on rows of deferred task instances."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from airflow_provider_groq.demo.home import airflow, free_port

DATABASE = "airflow.db"
DEFERRED = Path(__file__).with_name("deferred.py")


class Triggerers:
    """Triggerer processes on one database; all of them end with the ``with`` block.

    Args:
        home: The folder of their Airflow.
        like: One whose database is copied before anything is deferred there, which is quicker than to make one.
        settings: More of their environment.
    """

    def __init__(self, home, *, like=None, **settings):
        self.home = home
        self._like = like
        self._settings = {
            "AIRFLOW__TRIGGERER__CAPACITY": "60000",
            "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "10",
            "AIRFLOW__CORE__DAGS_FOLDER": str(Path(__file__).parents[1] / "dags" / "sense.py"),
            **settings,
        }
        self._processes = []

    def __enter__(self):
        if self._like is None:
            self.home.migrate()
            self._run(airflow("dags", "reserialize"))
        else:
            self.home.path.mkdir(parents=True)
            shutil.copy(self._like.path / DATABASE, self.home.path)
        return self

    def __exit__(self, *_):
        self.stop_all()

    def stop_all(self):
        """Kill all that run."""
        for process in self._processes:
            self.stop(process, signal.SIGKILL)

    def environment(self):
        ports = {"AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(free_port())}
        return self.home.environment(**self._settings, **ports)

    def start(self, log):
        """Start a triggerer, a session of its own."""
        process = subprocess.Popen(
            airflow("triggerer"),
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._processes.append(process)
        return process

    def stop(self, process, number):
        """Signal all of a triggerer's processes, and wait for the first of them."""
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        process.wait()

    def defer(self, batch_ids):
        """Make a deferred task instance for each batch."""
        file = self.home.path / "batch_ids.json"
        file.write_text(json.dumps(batch_ids))
        self._run([sys.executable, str(DEFERRED), "make", str(file)])

    def poll(self):
        """Map index, state, batch id and reason of the event, and try of each task instance."""
        return json.loads(self._run([sys.executable, str(DEFERRED), "look"]).splitlines()[-1])

    def states(self):
        """The states of the task instances, asked for without the seconds that an Airflow takes to start."""
        with closing(sqlite3.connect(f"file:{self.home.path / DATABASE}?mode=ro", uri=True)) as database:
            return [state for (state,) in database.execute("select state from task_instance")]

    def begun(self):
        """How many triggers have begun: each has a log of its own. Their number is logged only once a minute."""
        return len(list(self.home.path.rglob("attempt=1.log.trigger.*.log")))

    def _run(self, command):
        done = subprocess.run(command, env=self.environment(), capture_output=True, text=True, check=False)
        assert not done.returncode, done.stdout + done.stderr
        return done.stdout
