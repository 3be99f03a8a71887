"""Rounds of the crash test in which the task is a whole job, of several batches and two rounds."""

import random
from dataclasses import dataclass, field

from crash import child
from crash.rounds import FAULTS, LONGEST, MOST_EXCHANGES, MOST_TRIES, PATIENCE, QUICK_BATCH, Blow, Round

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


def draw_job(seed, files=MOST_FILES):
    """What happens in the round of this seed."""
    chance = random.Random(f"job {seed}")
    blows = [_draw_blow(chance, files) for _ in range(chance.choice([1, 1, 2, 3]))]
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


def _draw_blow(chance, files):
    kind = chance.choice(["time", "exchange", "exchange", "file", "file", "file", "pause"])
    if kind == "time":
        return Blow(seconds=chance.uniform(0.0, LONGEST))
    if kind == "file":
        return Blow(at=chance.randint(1, files), when="file")
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
            "numbers": range(ROWS),
            "questions": ROWS,
            "first": None,
            "retries": MOST_TRIES,
            "max_tries": self._max_tries,
            "files": str(self.output),
        }


QUESTIONS, KNOWN, CANARY, FIRST = 6, (1, 2), 2, 4
"""Of a thrifty job: how many questions its rows ask, which of them an earlier job was answered, and its first row."""

MOST_FILES_OF_THRIFTY = 90


@dataclass(frozen=True)
class ThriftyPlan(JobPlan):
    """The same for a job that is to pay for nothing twice.

    Attributes:
        stops: Whether its canary fails.
    """

    stops: bool

    @property
    def quiet(self):
        """Whether nothing but kills happens, so that not even a batch that is cancelled may be made twice."""
        return not (self.faults or self.pauses or self.settings["listing_delay"] or self.clear_after)


def draw_thrifty(seed):
    """What happens in the round of this seed."""
    plan = draw_job(f"thrifty {seed}", files=MOST_FILES_OF_THRIFTY)
    return ThriftyPlan(**vars(plan), stops=random.Random(f"stops {seed}").random() < 0.3)


class ThriftyRound(JobRound):
    """Tries of one job with ``dedupe``, ``reuse`` and ``canary``.

    Attributes:
        asked: The questions that Groq was asked since the earlier job, with the model.
        others: The batches of the earlier job.
    """

    def __init__(self, plan, emulator, folder):
        super().__init__(plan, emulator, folder)
        self.asked, self.others = [], set()
        self._earlier = folder / "earlier"

    def _options(self):
        self.emulator.answer_with(answer_question)
        job = self._job({"output_path": str(self._earlier)}, Blow())
        job |= {"run_id": "earlier", "try": 1, "numbers": KNOWN, "stored": False}
        process = self._processes.Process(target=child.run, args=(job,), daemon=True)
        process.start()
        process.join(PATIENCE)
        assert process.exitcode == 0, "the earlier job failed"
        self._result().unlink()
        self.others = {batch["id"] for batch in self.emulator.batches()}
        self.emulator.answer_with(self._answer)
        # Of two rows of the canary one may fail, but not its only one: the failing row is never the first.
        thrift = {"dedupe": True, "reuse": str(self._earlier), "canary": CANARY, "max_failed_ratio": 0.5}
        return {"output_path": str(self.output), "delete_files": self.plan.delete_files} | thrift

    def _job(self, options, blow):
        return super()._job(options, blow) | {"questions": QUESTIONS, "first": FIRST}

    def _answer(self, request):
        body = request["body"]
        question, model = body["messages"][-1]["content"], body["model"]
        self.asked.append((int(question.removeprefix("What is Row ").removesuffix("?")), model))
        if self.plan.stops:
            return {"$error": 422}
        failing = question == "What is Row 3?" and model == "openai/gpt-oss-20b"  # the larger model does not fail it
        return {"$error": 498} if failing else answer_question(request)


def answer_question(request):
    return f"the answer to {request['body']['messages'][-1]['content']}"


def answer(request):
    """The first model fails some rows for a transient cause; the larger one does not."""
    number = int(request["custom_id"].removeprefix("row-"))
    if number in FAILING and request["body"]["model"] == "openai/gpt-oss-20b":
        return {"$error": 498}
    return f"the answer to row {number}"
