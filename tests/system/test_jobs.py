"""What the next try of a whole job does, on the whole of Airflow: each request is paid once."""

import json
import signal

import pytest
from system.rest import await_that
from system.test_pay_once import process_of

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

ROWS = [f"row-{number}" for number in range(8)]


class Job:
    """A run of a Dag with a job of three batches, if it is not given other rows."""

    def __init__(self, airflow, emulator, folder, way, rows=ROWS, **conf):
        self.airflow, self.emulator = airflow, emulator
        folder.mkdir(exist_ok=True)
        self.input, self.output = folder / "rows.txt", folder / "answers"
        self.write(rows)
        self.run = airflow.trigger(f"job_{way}", input_path=str(self.input), output_path=str(self.output), **conf)

    def write(self, rows):
        self.input.write_text("".join(f"{row}\n" for row in rows))

    def batches(self):
        _, _, _, run_id = self.run.split("/")
        return [batch for batch in self.emulator.batches() if (batch["metadata"] or {}).get("airflow_run_id") == run_id]

    def statuses(self):
        return sorted(batch["status"] for batch in self.batches())

    def await_batches(self, number):
        await_that(lambda: len(self.batches()) == number, f"there are {number} batches", 180)

    def await_waiting(self, number):
        """Wait until the log of a try says that it waits."""

        def waits():
            if self.airflow.task(self.run, "create")["try_number"] < number:
                return False
            return "batches ended" in self.airflow.log(self.run, "create", number)

        await_that(waits, f"try {number} waits")

    def finish(self):
        self.emulator.advance(600)
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


@pytest.fixture
def start(airflow, emulator, slow_batches, tmp_path):
    def start(way, batches=3):
        job = Job(airflow, emulator, tmp_path, way)
        job.await_batches(batches)
        return job

    return start


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "evicted"])
def test_a_retry_goes_on_with_the_batches_that_were_sent(airflow, start, number):
    job = start("worker")
    job.await_waiting(1)
    job.write(reversed(ROWS))
    process_of(airflow, job.run).send_signal(number)
    job.await_waiting(2)
    assert job.finish()["rows"]["succeeded"] == 8
    assert [answer["custom_id"] for answer in job.answers()] == ROWS
    assert job.statuses() == 3 * ["completed"]


def test_a_clear_of_a_deferred_job_goes_on_and_one_of_a_success_pays_only_for_new_rows(airflow, start):
    job = start("deferred")
    airflow.await_state(job.run, "create", "deferred")
    airflow.clear(job.run, "create")
    job.await_waiting(2)
    assert job.finish()["rows"]["succeeded"] == 8
    assert job.statuses() == 3 * ["completed"]

    job.write([*ROWS, "new"])
    airflow.clear(job.run, "create")
    job.await_batches(4)
    manifest = job.finish()
    assert (manifest["rows"]["succeeded"], manifest["reused"]) == (9, 8)
    assert [answer["custom_id"] for answer in job.answers()] == [*ROWS, "new"]
    assert job.paid() == 9


def test_a_clear_with_other_rows_cancels_what_runs(airflow, emulator, start):
    job = start("deferred")
    airflow.await_state(job.run, "create", "deferred")
    job.write(["other-1", "other-2"])
    airflow.clear(job.run, "create")
    await_that(lambda: job.statuses()[:3] == 3 * ["cancelling"] or "cancelled" in job.statuses(), "they are cancelled")
    emulator.advance(600)
    job.await_batches(4)
    assert job.finish()["rows"]["total"] == 2
    assert job.statuses() == [*3 * ["cancelled"], "completed"]


def test_a_mark_cancels_all_batches_of_a_deferred_job(airflow, emulator, start):
    job = start("deferred")
    airflow.await_state(job.run, "create", "deferred")
    await_that(lambda: "starting" in airflow.log(job.run, "create"), "the trigger has begun")
    airflow.mark(job.run, "create", "failed")
    await_that(lambda: set(job.statuses()) <= {"cancelling", "cancelled"}, "all are cancelled")
    airflow.await_end(job.run, "failed")
    assert len(job.batches()) == 3
