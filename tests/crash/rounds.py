"""Rounds of the crash test: what happens in each is drawn from its seed."""

import json
import multiprocessing
import os
import random
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from crash import child
from crash.child import write

ROWS = 5
MOST_EXCHANGES = 9
LONGEST = 1.2
PATIENCE = 60
QUICK_BATCH = 2.0
"""How long the quickest batches that Groq is known for take (s)."""
SLOW_BATCH = 60.0
MOST_TRIES = 12

FAULTS = (
    {"path": "/files", "method": "POST", "drop": "before"},
    {"path": "/files", "method": "POST", "drop": "after"},
    {"path": "/files", "method": "POST", "status": 500},
    {"path": "/batches", "method": "POST", "drop": "before"},
    {"path": "/batches", "method": "POST", "drop": "after"},
    {"path": "/batches", "method": "POST", "status": 502, "takes_effect": True},
    {"path": "/batches", "method": "POST", "status": 503},
    {"path": "/batches", "method": "POST", "status": 404},
    {"path": "/batches", "method": "GET", "status": 503},
    {"path": "/batches", "method": "GET", "drop": "middle"},
    {"path": "/batches/*", "method": "GET", "status": 404},
    {"path": "/batches/*", "method": "GET", "drop": "before"},
    {"path": "/batches/*/cancel", "method": "POST", "drop": "after"},
)

REQUESTS = [
    {
        "custom_id": f"row-{number}",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "openai/gpt-oss-20b", "messages": [{"role": "user", "content": f"Row {number}"}]},
    }
    for number in range(ROWS)
]


@dataclass(frozen=True)
class Blow:
    """What befalls a try: a kill or a pause, after some seconds or at an exchange."""

    signal: str = "SIGKILL"
    seconds: float | None = None
    at: int | None = None
    when: str = "before"

    def __str__(self):
        return f"{self.signal} " + (f"{self.when} exchange {self.at}" if self.at else f"after {self.seconds:.3f} s")


@dataclass(frozen=True)
class Plan:
    """All that a round's seed decides."""

    seed: str
    stored: bool
    deferrable: bool
    source: str
    settings: dict = field(hash=False)
    faults: list = field(hash=False)
    blows: list = field(hash=False)

    @property
    def pauses(self):
        return any(blow.signal == "SIGSTOP" for blow in self.blows)

    @property
    def quiet(self):
        """Whether nothing but kills happens, so that not even a cancelled second batch may come about."""
        return not self.faults and not self.pauses and not self.settings["listing_delay"]


def draw(seed):
    """What happens in the round of this seed."""
    chance = random.Random(seed)
    blows = [draw_blow(chance) for _ in range(chance.choice([1, 1, 2, 3]))]
    faults = chance.sample(FAULTS, chance.choice([0, 0, 1, 2, 3]))
    listing_delay = chance.choice([0.0, 0.0, 0.0, 0.3])
    rivals = faults or listing_delay or any(blow.signal == "SIGSTOP" for blow in blows)
    source = chance.choice(["requests", "requests", "input_path", "input_file_id"])
    return Plan(
        seed=seed,
        stored=chance.random() < 0.5,
        deferrable=chance.random() < 0.5,
        source=source,
        settings={
            # A second batch is cancelled before it costs anything, if it is not done before it is seen.
            "seconds": QUICK_BATCH if rivals else chance.choice([0.0, 0.3, 0.6]),
            "cancelling_seconds": chance.choice([0.0, 0.5]),
            "listing_delay": listing_delay,
            # A file that the user has uploaded has no name of ours.
            "drop_metadata": source != "input_file_id" and chance.random() < 0.25,
        },
        faults=faults,
        blows=blows,
    )


def draw_blow(chance):
    kind = chance.choice(["time", "exchange", "exchange", "pause"])
    if kind == "time":
        return Blow(seconds=chance.uniform(0.0, LONGEST))
    name = "SIGSTOP" if kind == "pause" else "SIGKILL"
    return Blow(signal=name, at=chance.randint(1, MOST_EXCHANGES), when=chance.choice(["before", "after"]))


class Round:
    """Tries of one task, one after another or beside each other, until one of them succeeds."""

    def __init__(self, plan, emulator, folder):
        self.plan = plan
        self.emulator = emulator
        self.folder = folder
        self.tries = 0
        self.hits = 0
        self._began = time.time()
        self._paused = []
        self._store = folder / "store"
        self._store.mkdir()
        self._processes = multiprocessing.get_context("forkserver")

    def run(self):
        """Let it all happen; return the id of the batch that the last try succeeded with."""
        self.emulator.set(**self.plan.settings)
        options = self._options() | {"deferrable": self.plan.deferrable}
        for fault in self.plan.faults:
            self.emulator.fault(**fault)
        for blow in self.plan.blows:
            self._strike(self._start(options, blow), blow)
        batch_id = self._run_until_success(options)
        # What a paused try makes now is cancelled before it costs anything, however slow this machine is.
        self.emulator.set(seconds=SLOW_BATCH)
        for process in self._paused:
            os.kill(process.pid, signal.SIGCONT)
            process.join(PATIENCE)
            assert process.exitcode is not None, "a try that was paused did not end"
        return batch_id

    def close(self):
        for process in self._paused:
            if process.exitcode is None:
                process.kill()
                process.join()

    def log(self):
        return (self.folder / "log").read_text(errors="replace") if (self.folder / "log").exists() else ""

    def _options(self):
        if self.plan.source == "requests":
            return {"requests": REQUESTS}
        path = self.folder / "rows.jsonl"
        path.write_text("".join(json.dumps(request) + "\n" for request in REQUESTS))
        if self.plan.source == "input_path":
            return {"input_path": str(path)}
        from airflow_provider_groq.hooks.groq import GroqHook

        with GroqHook() as hook:
            return {"input_file_id": hook.upload_file(path).id}

    def _start(self, options, blow):
        self.tries += 1
        write(self._store / "try", self.tries)
        process = self._processes.Process(target=child.run, args=(self._job(options, blow),), daemon=True)
        process.start()
        return process

    def _job(self, options, blow):
        """What the process of a try is told."""
        return {
            "kind": "create",
            "run_id": "run",
            "try": self.tries,
            "max_tries": MOST_TRIES,
            "began": self._began,
            "stored": self.plan.stored,
            "store": str(self._store),
            "result": str(self._result()),
            "log": str(self.folder / "log"),
            "connection": self.emulator.connection_json,
            "options": options,
            "at": blow.at,
            "when": blow.when,
            "signal": blow.signal,
        }

    def _result(self):
        return self.folder / f"result-{self.tries}"

    def _strike(self, process, blow):
        """Wait until the blow has fallen, or the try has ended without it."""
        if blow.seconds is not None:
            process.join(blow.seconds)
            self.hits += process.exitcode is None
            process.kill()
        deadline = time.monotonic() + PATIENCE
        while process.exitcode is None:
            if is_stopped(process.pid):
                self._paused.append(process)
                self.hits += 1
                return
            assert time.monotonic() < deadline, "a try did not end"
            process.join(0.01)
        self.hits += blow.seconds is None and process.exitcode == -signal.SIGKILL

    def _run_until_success(self, options):
        while self.tries < MOST_TRIES:
            process = self._start(options, Blow())
            process.join(1.0)
            if process.exitcode is None:
                self.emulator.advance(QUICK_BATCH)
            process.join(PATIENCE)
            assert process.exitcode is not None, "a try that nobody killed did not end"
            if self._result().exists():
                return json.loads(self._result().read_text())
        raise AssertionError(f"{self.tries} tries, and none succeeded")


def is_stopped(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except OSError:  # gone, perhaps while being read
        return False
