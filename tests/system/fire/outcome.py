"""What became of the runs, and what was paid."""

import json
from collections import Counter
from dataclasses import dataclass

from system.fire.runs import run_of_file

CANCELLED = {"cancelling", "cancelled"}
RUNNING = {"validating", "in_progress", "finalizing"}


@dataclass(frozen=True)
class Outcome:
    """What is to be judged.

    Attributes:
        successful: The ids of the runs that were.
        unsuccessful: The tasks of each other run: state, try, and how many there may be.
        batches: The ids of the batches that each run has paid for.
        wanted: How many batches each run is to pay for.
        sent: How often each row was sent in each round of its run.
        running: The ids of the batches that have not ended.
        cancelled: The ids of those that were cancelled.
        landed: How often each row has landed.
        rows: Those that were to land.
    """

    successful: set
    unsuccessful: dict
    batches: dict
    wanted: dict
    sent: Counter
    running: list
    cancelled: list
    landed: Counter
    rows: set

    @classmethod
    def of(cls, runs, emulator):
        batches, sent = {run.run_id: [] for run in runs.all}, Counter()
        for batch in emulator.batches():
            batches[run_of_file(emulator, batch["input_file_id"])].append(batch["id"])
            round_ = batch["metadata"].get("airflow_round", "").partition(".")[2]
            lines = emulator.file_content(batch["input_file_id"]).splitlines()
            sent.update((json.loads(line)["custom_id"], round_) for line in lines)
        successful = {run_id for run_id, state in runs.states().items() if state == "success"}
        return cls(
            successful=successful,
            unsuccessful={run.run_id: runs.tasks(run.run_id) for run in runs.all if run.run_id not in successful},
            batches=batches,
            wanted={run.run_id: run.batches for run in runs.all},
            sent=sent,
            running=[batch["id"] for batch in emulator.batches() if batch["status"] in RUNNING],
            cancelled=[batch["id"] for batch in emulator.batches() if batch["status"] in CANCELLED],
            landed=runs.landed(),
            rows={custom_id for run in runs.all for custom_id in run.custom_ids},
        )

    @property
    def duplicates(self):
        """The batches of runs that have paid for more or fewer than they are to."""
        return {run_id: ids for run_id, ids in self.batches.items() if len(ids) != self.wanted[run_id]}

    @property
    def sent_twice(self):
        """The rows that were sent twice in one round."""
        return {row for row, times in self.sent.items() if times > 1}

    @property
    def lost(self):
        return self.rows - self.landed.keys()

    @property
    def repeated(self):
        return {custom_id for custom_id, times in self.landed.items() if times > 1}

    def __str__(self):
        more = sum(len(ids) - self.wanted[run_id] for run_id, ids in self.duplicates.items())
        return (
            f"{len(self.successful)} of {len(self.batches)} runs successful, "
            f"{sum(map(len, self.batches.values()))} batches, "
            f"{more} duplicates, {len(self.cancelled)} cancelled, "
            f"{len(self.lost)} of {len(self.rows)} rows lost, {len(self.repeated)} landed twice"
        )
