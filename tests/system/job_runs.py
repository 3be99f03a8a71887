"""A run of a Dag with a whole job, and what Groq was asked for it."""

import json

from system.rest import await_that

ROWS = [f"row-{number}" for number in range(8)]
"""Three batches of them."""

GOES_ON = {"validating", "in_progress"}
CANCELLED = {"cancelling", "cancelled"}


class Job:
    """A run of a Dag with a job of three batches.

    Args:
        way: Which of the Dags in tests/dags/infer.py.
        rows: The ids of its rows; what a row asks follows its id and a colon, if that is something else.
        conf: What else the run is given.
    """

    def __init__(self, airflow, emulator, folder, way, rows=ROWS, **conf):
        folder.mkdir(exist_ok=True)
        self.airflow, self.emulator = airflow, emulator
        self.input, self.output = folder / "rows.txt", folder / "answers"
        self.write(rows)
        self.run = airflow.trigger(f"job_{way}", **self.conf(), **conf)

    def conf(self):
        return {"input_path": str(self.input), "output_path": str(self.output)}

    def write(self, rows):
        """Give the function these rows."""
        part = self.input.with_suffix(".part")
        part.write_text("".join(f"{row}\n" for row in rows))
        part.replace(self.input)

    def batches(self):
        _, _, _, run_id = self.run.split("/")
        return [batch for batch in self.emulator.batches() if (batch["metadata"] or {}).get("airflow_run_id") == run_id]

    def statuses(self):
        return sorted(batch["status"] for batch in self.batches())

    def await_batches(self, number):
        await_that(lambda: len(self.batches()) == number, f"there are {number} batches")

    def await_waiting(self, number):
        """Wait until the log of a try says that it waits."""
        self.await_log("batches ended", number)

    def clear(self):
        self.airflow.clear(self.run, "create")

    def logs(self, first=1):
        """What the tries have said since one of them: on a slow machine, Airflow may lose one as it starts."""
        return self.airflow.logs(self.run, "create", first)

    def await_failure_for_good(self):
        """Wait until the run has failed, with retries left, and give the logs."""
        self.airflow.await_end(self.run, "failed")
        task = self.airflow.task(self.run, "create")
        assert task["try_number"] <= task["max_tries"]
        return self.logs()

    def await_log(self, text, first=1):
        """Wait until the log of a try, or of one after it, says something."""
        await_that(lambda: text in self.logs(first), f"try {first} says {text!r}")

    def finish(self):
        self.emulator.advance(600)
        return self.manifest()

    def manifest(self):
        """What the task has returned, once its run has succeeded."""
        self.airflow.await_end(self.run, "success")
        return self.airflow.xcom(self.run, "create", "return_value")

    def answers(self):
        manifest = json.loads((self.output / "manifest.json").read_text())
        lines = "".join((self.output / part["name"]).read_text() for part in manifest["parts"])
        return [json.loads(line) for line in lines.splitlines()]

    def sent(self):
        """The ids of the rows that each batch was made of."""
        files = [self.emulator.file_content(batch["input_file_id"]) for batch in self.batches()]
        return [[json.loads(line)["custom_id"] for line in file.splitlines()] for file in files]

    def paid(self):
        """How many requests were answered, in all batches."""
        return sum(batch["request_counts"]["completed"] for batch in self.batches())

    @property
    def work(self):
        """Its work folder."""
        (found,) = self.output.glob("_groq_*")
        return found
