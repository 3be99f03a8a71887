"""Tries of a whole job, each as a new process would run it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tries import Store, TaskInstance, context_of

SMALL, LARGE = "openai/gpt-oss-20b", "openai/gpt-oss-120b"


class JobTries:
    """One try after another of the same task, which is a job.

    Attributes:
        output: The folder of its answers.
        rows: What is in the task state store.
        retries: As the Dag has it.
    """

    def __init__(self, emulator, output, *, stored=True, run_id="run"):
        self.emulator = emulator
        self.output = output
        self.rows = {}
        self.retries = 2
        self._stored = stored
        self._run_id = run_id
        self._number = 0
        self._max_tries = self.retries
        self._others = {batch["id"] for batch in emulator.batches()}
        self._run_after = datetime.now(UTC) - timedelta(hours=1)

    def operator(self, **options):
        from airflow_provider_groq.operators.inference import GroqBatchInferenceOperator

        defaults = {
            "task_id": "create",
            "output_path": str(self.output),
            "model": SMALL,
            "prompt_template": "What is {text}?",
            "shard_size": 3,
            "poll_interval": 0.1,
            "retries": self.retries,
            "max_failed_ratio": 0.0,
        }
        if not {"rows", "input_path"} & options.keys():
            options["rows"] = texts(8)
        return GroqBatchInferenceOperator(**defaults | options)

    def context(self):
        ti = TaskInstance()
        ti.try_number, ti.max_tries, ti.run_id = self._number, self._max_tries, self._run_id
        return context_of(ti, self._run_after, Store(self.rows) if self._stored else None)

    def run(self, **options):
        """Run the next try."""
        self._number += 1
        return self.operator(**options).execute(self.context())

    def clear(self):
        """Clear the task, as Airflow does it."""
        self._max_tries = self._number + self.retries

    @property
    def work(self):
        """The work folder, if it is there."""
        found = [*self.output.glob("_groq_*")]
        return found[0] if found else None

    def answers(self):
        """What has been landed."""
        manifest = json.loads((self.output / "manifest.json").read_text())
        lines = "".join((self.output / part["name"]).read_text() for part in manifest["parts"])
        return [json.loads(line) for line in lines.splitlines()]

    def sent(self):
        """The ids of the rows that were sent since this was made, batch by batch, in the order of rounds and rows."""
        batches = []
        for batch in self.emulator.batches():
            if batch["id"] in self._others:
                continue
            number = int(batch["metadata"]["airflow_round"].split(".")[1])
            batches.append((number, self.ids_of(batch)))
        return [ids for _, ids in sorted(batches)]

    def ids_of(self, batch):
        """The ids of the rows of a batch."""
        lines = self.emulator.file_content(batch["input_file_id"]).splitlines()
        return [json.loads(line)["custom_id"] for line in lines]


def texts(count):
    """Rows with a text each."""
    return [{"custom_id": f"row-{number}", "text": f"thing {number}"} for number in range(count)]


@pytest.fixture(params=[True, False], ids=["with a store", "without a store"])
def job(request, groq_emulator, quick, tmp_path):
    """A job of three shards, on an Airflow that has a task state store, and on one below 3.3."""
    groq_emulator.set(seconds=0)
    return JobTries(groq_emulator, Path(tmp_path) / "answers", stored=request.param)


@pytest.fixture
def stored_job(groq_emulator, quick, tmp_path):
    groq_emulator.set(seconds=0)
    return JobTries(groq_emulator, Path(tmp_path) / "answers")
