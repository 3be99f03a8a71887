"""Rounds of the crash test in which the task is a whole job, of several batches and two rounds."""

import random
from dataclasses import dataclass, field

from crash.rounds import FAULTS, LONGEST, MOST_EXCHANGES, MOST_TRIES, QUICK_BATCH, Blow, Round

ROWS = 10
FAILING = frozenset({2, 3, 7})
"""The rows that fail in the first round, and succeed in the second."""

MOST_FILES = 60


@dataclass(frozen=True)
class JobPlan:
    """All that a round's seed decides.

    Attributes:
        clear_after: After so many tries the task is cleared; None if it is not.
    """

    seed: str
    stored: bool
    deferrable: bool
    clear_after: int | None
    delete_files: bool
    settings: dict = field(hash=False)
    faults: list = field(hash=False)
    blows: list = field(hash=False)

    @property
    def pauses(self):
        return any(blow.signal == "SIGSTOP" for blow in self.blows)


def draw_job(seed):
    """What happens in the round of this seed."""
    chance = random.Random(f"job {seed}")
    blows = [_draw_blow(chance) for _ in range(chance.choice([1, 1, 2, 3]))]
    faults = chance.sample(FAULTS, chance.choice([0, 0, 1, 2]))
    listing_delay = chance.choice([0.0, 0.0, 0.0, 0.3])
    rivals = faults or listing_delay or any(blow.signal == "SIGSTOP" for blow in blows)
    return JobPlan(
        seed=seed,
        stored=chance.random() < 0.5,
        deferrable=chance.random() < 0.5,
        clear_after=chance.choice([None, None, 1, 2]) if len(blows) > 1 else None,
        delete_files=chance.random() < 0.5,
        settings={
            "seconds": QUICK_BATCH if rivals else chance.choice([0.0, 0.3]),
            "cancelling_seconds": chance.choice([0.0, 0.3]),
            "listing_delay": listing_delay,
        },
        faults=faults,
        blows=blows,
    )


def _draw_blow(chance):
    kind = chance.choice(["time", "exchange", "exchange", "file", "file", "file", "pause"])
    if kind == "time":
        return Blow(seconds=chance.uniform(0.0, LONGEST))
    if kind == "file":
        return Blow(at=chance.randint(1, MOST_FILES), when="file")
    name = "SIGSTOP" if kind == "pause" else "SIGKILL"
    return Blow(signal=name, at=chance.randint(1, 3 * MOST_EXCHANGES), when=chance.choice(["before", "after"]))


class JobRound(Round):
    """Tries of one job, until one of them succeeds.

    Attributes:
        output: The folder of its answers.
        cleared: How often the task was cleared.
    """

    def __init__(self, plan, emulator, folder):
        super().__init__(plan, emulator, folder)
        self.output = folder / "answers"
        self.cleared = 0
        self._max_tries = MOST_TRIES

    def _options(self):
        self.emulator.answer_with(answer)
        return {"output_path": str(self.output), "delete_files": self.plan.delete_files}

    def _job(self, options, blow):
        if self.plan.clear_after is not None and self.tries == self.plan.clear_after + 1:
            self._max_tries = self.tries - 1 + MOST_TRIES
            self.cleared += 1
        return super()._job(options, blow) | {
            "kind": "job",
            "rows": ROWS,
            "retries": MOST_TRIES,
            "max_tries": self._max_tries,
            "files": str(self.output),
        }


def answer(request):
    """The first model fails some rows for a transient cause; the larger one does not."""
    number = int(request["custom_id"].removeprefix("row-"))
    if number in FAILING and request["body"]["model"] == "openai/gpt-oss-20b":
        return {"$error": 498}
    return f"the answer to row {number}"
