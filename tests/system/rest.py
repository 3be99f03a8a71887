"""Airflow's REST API, as tests use it."""

import re
import time

import httpx

KEY = "gsk_a_key_that_nobody_must_see_0123456789"
LOCKED = re.compile("Database (error|is locked)")
"""SQLite, which standalone uses, lets one process write at a time."""

PATIENCE = 600.0
"""Seconds that tests wait for what takes some: a busy machine is slow, and only a failure waits for so long."""

TERMINAL = {"success", "failed", "skipped", "upstream_failed", "removed"}


FILES_STAY = {"AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600"}
"""No Dag file is parsed again and again, which takes half a processor."""


class Airflow:
    """Airflow's REST API, as an admin.

    Args:
        standalone: The Airflow.
        output: The file of what its processes say; only what makes runs again needs it.
    """

    def __init__(self, standalone, output=None):
        self.output = output
        self.home = standalone.home.path
        self.url = standalone.url
        self.login = user, password = standalone.login()
        login = httpx.post(
            f"{standalone.url}/auth/token", json={"username": user, "password": password}, timeout=PATIENCE
        )
        token = login.raise_for_status().json()["access_token"]
        self._http = httpx.Client(
            base_url=f"{standalone.url}/api/v2", headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE
        )

    def close(self):
        self._http.close()

    def call(self, method, path, **body):
        answer = self._http.request(method, path, json=body or None)
        for _ in range(10):
            if not LOCKED.search(answer.text):
                break
            time.sleep(1)
            answer = self._http.request(method, path, json=body or None)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def exists(self, path):
        return self._http.get(path).is_success

    def trigger(self, dag_id, **conf):
        """Start a run once the Dag has been parsed, and return the path of the run."""
        await_that(lambda: self._http.get(f"dags/{dag_id}").is_success, f"{dag_id} is parsed")
        run = self.call("POST", f"dags/{dag_id}/dagRuns", logical_date=None, conf=conf)
        return f"dags/{dag_id}/dagRuns/{run['dag_run_id']}"

    def start(self, dag_id, run_id, **conf):
        """Start a run of this id; whether it has been started, now or before."""
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
        answer = self._http.post(f"dags/{dag_id}/dagRuns", json=body)
        return answer.is_success or answer.status_code == 409

    def backfill(self, **body):
        """Start a backfill; whether it has been started.

        One that a locked database has stopped half-way keeps others from being started, for two minutes.
        """
        answer = self._http.post("backfills", json=body)
        assert answer.is_success or answer.status_code in {409, 500}, answer.text
        return answer.is_success

    def make_again(self, run, **conf):
        """Delete a run that has ended, and start another of the same id.

        Until the scheduler's executor has told it of the end, it would take that for the end of the new run's task.
        """
        _, dag_id, _, run_id = run.split("/")
        await_that(lambda: self._has_heard_of_ends(run_id), "the scheduler has heard of the ends of all tries")
        self.delete(run)
        await_that(lambda: self.start(dag_id, run_id, **conf), f"{run_id} is started again")

    def _has_heard_of_ends(self, run_id):
        lines = [line for line in self.output.read_text().splitlines() if run_id in line]
        begun = sum(line.count(run_id) for line in lines if "Trying to enqueue tasks" in line)
        return sum("Received executor event" in line for line in lines) >= begun > 0

    def task(self, run, task_id):
        return self.call("GET", f"{run}/taskInstances/{task_id}")

    def await_state(self, run, task_id, *states):
        """Wait until the task is in one of the states; it must not end in another."""

        def there():
            state = self.task(run, task_id)["state"]
            assert state in states or state not in TERMINAL, f"{task_id} is {state}:\n{self.log(run, task_id)}"
            return state if state in states else None

        return await_that(there, f"{task_id} is {' or '.join(states)}")

    def await_end(self, run, state):
        """Wait until the run has ended like this: a clear at the very moment may be overtaken, and run nothing."""
        await_that(lambda: self.call("GET", run)["state"] == state, f"the run is {state}")

    def log(self, run, task_id, try_number=1):
        answer = self.call("GET", f"{run}/taskInstances/{task_id}/logs/{try_number}?full_content=true")
        return "\n".join(map(str, answer["content"]))

    def logs(self, run, task_id, first=1):
        """What the tries have said since one of them, as far as Airflow has it."""
        numbers = range(first, (self.task(run, task_id)["try_number"] or 0) + 1)
        path = f"{run}/taskInstances/{task_id}/logs"
        answers = [self._http.get(f"{path}/{number}", params={"full_content": True}) for number in numbers]
        return "\n".join(str(line) for answer in answers if answer.is_success for line in answer.json()["content"])

    def link(self, run, task_id, name):
        return self.call("GET", f"{run}/taskInstances/{task_id}/links")["extra_links"][name]

    def xcom(self, run, task_id, key):
        answer = self._http.get(f"{run}/taskInstances/{task_id}/xcomEntries/{key}")
        return answer.json()["value"] if answer.is_success else None

    def clear(self, run, task_id):
        _, dag_id, _, run_id = run.split("/")
        self.call(
            "POST",
            f"dags/{dag_id}/clearTaskInstances",
            dry_run=False,
            dag_run_id=run_id,
            task_ids=[task_id],
            only_failed=False,
            only_running=False,
        )

    def mark(self, run, task_id, state):
        self.call("PATCH", f"{run}/taskInstances/{task_id}", new_state=state)

    def mark_run(self, run, state):
        self.call("PATCH", run, state=state)

    def delete(self, path):
        self._http.delete(path).raise_for_status()


def await_that(holds, what):
    """Wait until something holds, and return it."""
    began = time.monotonic()
    while not (result := holds()):
        waited = time.monotonic() - began
        assert waited < PATIENCE, f"{PATIENCE:.0f} s passed before this held: {what}"
        # To ask an Airflow costs it CPU time, which it needs for what is waited for.
        time.sleep(min(0.1 + waited / 10, 1.0))
    return result
