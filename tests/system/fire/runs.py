"""Dag runs whose rows tell which run they are of; and what became of them."""

import json
from collections import Counter
from dataclasses import dataclass
from itertools import product

import httpx

ROWS = 20
JOB = "fire_job"
DAGS = [f"fire_{way}_{source}" for way, source in product(("worker", "deferred"), ("inline", "file"))]
DAGS.insert(1, JOB)  # early, as it takes two rounds
FAILING = (0, 7, 18)
"""The rows of a job that fail in its first round, and are sent again: in three of its five batches."""

BATCHES_OF_JOB = 6
ENDED = ("success", "failed")


@dataclass(frozen=True)
class Run:
    """One Dag run."""

    run_id: str
    dag_id: str

    @classmethod
    def number(cls, number):
        return cls(f"run-{number:03}", DAGS[number % len(DAGS)])

    @property
    def custom_ids(self):
        return {f"{self.run_id}_row-{number:02}" for number in range(ROWS)}

    @property
    def batches(self):
        """How many it is to pay for."""
        return BATCHES_OF_JOB if self.dag_id == JOB else 1

    def failing_requests(self):
        """What the emulator is told of its rows."""
        if self.dag_id != JOB:
            return {}
        return {f"{self.run_id}_row-{number:02}": {"error": "capacity_exceeded", "times": 1} for number in FAILING}

    def lines(self):
        """The lines of its input file."""
        if self.dag_id != JOB:
            return self.requests()
        return [{"custom_id": custom_id, "text": f"row {custom_id}"} for custom_id in sorted(self.custom_ids)]

    def requests(self):
        body = {"model": "openai/gpt-oss-20b", "messages": [{"role": "user", "content": f"This is {self.run_id}."}]}
        return [
            {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body}
            for custom_id in sorted(self.custom_ids)
        ]


class Runs:
    """All runs of a test.

    Args:
        fleet: Airflow.
        postgres: Its database.
        folder: For the inputs and outputs of the runs.
        count: How many there are.
    """

    def __init__(self, fleet, postgres, folder, count):
        self._fleet = fleet
        self._postgres = postgres
        self._folder = folder
        self._rest = fleet.rest()
        self.all = [Run.number(number) for number in range(count)]
        self.waiting = list(self.all)

    def close(self):
        self._rest.close()

    def connect(self, emulator):
        """Put the connection into Airflow's database, and let some rows of jobs fail."""
        emulator.set(failing_requests={row: how for run in self.all for row, how in run.failing_requests().items()})
        self._rest.call(
            "POST",
            "connections",
            connection_id="groq_default",
            conn_type="groq",
            host=emulator.url,
            password=emulator.api_key,
        )

    def start_next(self):
        """Start the next run; whether Airflow has taken it. It may be down, or have taken it before it went down."""
        run = self.waiting[0]
        path = self._folder / f"{run.run_id}.jsonl"
        path.write_text("".join(json.dumps(request) + "\n" for request in run.lines()))
        conf = {"output_path": str(self._output(run)), "input_path": str(path)}
        if run.dag_id.endswith("inline"):
            conf["requests"] = run.requests()
        try:
            taken = self._rest.start(run.dag_id, run.run_id, **conf)
        except httpx.TransportError:
            taken = False
        if taken:
            self.waiting.pop(0)
        return taken

    def states(self):
        """The state of each run that was started."""
        return dict(self._postgres.query("select run_id, state from dag_run"))

    def tasks(self, run_id):
        """State and try of each task of a run."""
        return self._postgres.query(
            "select task_id, state, try_number, max_tries from task_instance where run_id = %s order by task_id", run_id
        )

    def ended(self):
        """Whether all runs have been started, and have ended."""
        return not self.waiting and all(state in ENDED for state in self.states().values())

    def deferred(self):
        """How many tasks are deferred."""
        ((count,),) = self._postgres.query("select count(*) from task_instance where state = 'deferred'")
        return count

    def run_of(self, ti_id):
        """The run and the task whose try has this id."""
        found = self._postgres.query("select run_id, task_id from task_instance where id = %s", ti_id)
        return found[0] if found else (None, None)

    def landed(self):
        """How often each row has landed."""
        return Counter(
            json.loads(line)["custom_id"]
            for run in self.all
            for path in self._output(run).glob("*.jsonl")
            for line in path.read_text().splitlines()
        )

    def _output(self, run):
        return self._folder / run.run_id


def run_of_file(emulator, file_id):
    """The id of the run whose rows are in an input file."""
    first = emulator.file_content(file_id).split(b"\n", 1)[0]
    return json.loads(first)["custom_id"].partition("_")[0]
