"""Kills parts of Airflow at random moments, and starts them again."""

from collections import Counter

from system.fire.runs import run_of_file
from system.fire.sessions import kill

PAUSE = (2.0, 6.0)
"""Between two kills, in seconds."""

DOWN = (0.5, 4.0)
"""How long a part is down before it is started again, in seconds."""

TRAPS = {
    # The batch is there, and the task does not know.
    "creating task": ("/batches", {"delay": 8.0}),
    # These tasks live on, and go on to create a batch when Airflow has long begun the next try.
    "uploading task's supervisor": ("/files", {"delay": 35.0}),
    "put off task's supervisor": ("/batches", {"status": 429, "headers": {"Retry-After": "35"}}),
}
"""What is killed while a task waits for the answer to one of its calls, or to send it again."""

OTHERS = ["task", "supervisor", "worker", "triggerer", "scheduler", "api-server"]
KINDS = [*TRAPS, *OTHERS]


class Killer:
    """Kills with SIGKILL what its random numbers say, every kind of thing as often as the others.

    Args:
        fleet: Airflow.
        emulator: Groq.
        runs: The runs that suffer.
        random: The random numbers; the same ones give the same order of kills and pauses.
        rounds: How often each kind is killed.
        log: Takes a line for each kill.
    """

    def __init__(self, fleet, emulator, runs, random, rounds, now, log):
        self.made = Counter()
        self._fleet = fleet
        self._emulator = emulator
        self._runs = runs
        self._random = random
        self._log = log
        # Traps first: only as long as runs are to come is there something to be caught.
        order = [random.sample(kinds, len(kinds)) for _ in range(rounds) for kinds in (list(TRAPS), OTHERS)]
        self._left = [kind for kinds in order for kind in kinds]
        self._next = now + random.uniform(*PAUSE)
        self._down = {}
        self._traps = {}

    def go_on(self, now):
        """Start what has been down for long enough; kill the next thing if its time has come."""
        self._start_again(now)
        for kind in list(self._traps):
            self._look_into_trap(kind)
        if now >= self._next:
            # Something else if there is none of a kind now: no task may be running.
            for index, kind in enumerate(self._left):
                if self._try(kind, now):
                    del self._left[index]
                    self._next = now + self._random.uniform(*PAUSE)
                    return

    def _start_again(self, now):
        for name, part in self._fleet.parts.items():
            if part.exit_code is not None and now >= self._down.get(name, now):
                if self._down.pop(name, None) is None:
                    self._log(f"{name} has ended by itself, with exit code {part.exit_code}")
                part.start()

    @property
    def done(self):
        """Whether nothing is left to be killed."""
        return not self._left and not self._traps

    def _try(self, kind, now):
        """Kill one of a kind; whether there was one."""
        if kind in TRAPS:
            return self._set_trap(kind)
        if kind in {"task", "supervisor"}:
            return self._kill_work(kind)
        names = [name for name in self._fleet.parts if name.startswith(kind) and name not in self._down]
        if kind == "worker":
            names = [name for name in names if self._fleet.works(name)]
        if not names or (kind == "triggerer" and not self._runs.deferred()):
            return False
        name = self._random.choice(names)
        works = [self._runs.run_of(work.ti_id) for work in self._fleet.works(name)] if kind == "worker" else []
        self._fleet.parts[name].kill()
        self._down[name] = now + self._random.uniform(*DOWN)
        self._count(kind, f"{name} {works or ''}")
        return True

    def _kill_work(self, kind):
        works = [work for work in self._fleet.works() if work.supervisor]
        if not works:
            return False
        work = self._random.choice(works)
        victim = work.task if kind == "task" else work.supervisor
        where = self._runs.run_of(work.ti_id)
        if not kill(victim):
            return False
        self._count(kind, where)
        return True

    def _set_trap(self, kind):
        """Make the next call of a kind take long."""
        if kind in self._traps or not self._runs.waiting:
            return False
        path, fault = TRAPS[kind]
        self._traps[kind] = self._emulator.fault(path, method="POST", **fault)
        return True

    def _look_into_trap(self, kind):
        """Kill what is in a trap."""
        (fault,) = [fault for fault in self._emulator.faults() if fault["id"] == self._traps[kind]]
        if not fault["used"]:
            return
        del self._traps[kind]
        run_id = self._caught(kind)
        for work in [work for work in self._fleet.works() if work.supervisor]:
            victim = work.task if kind == "creating task" else work.supervisor
            if self._runs.run_of(work.ti_id) == (run_id, "create") and kill(victim):
                self._count(kind, run_id)
                return
        self._log(f"missed {kind}: {run_id}")
        self._left.append(kind)

    def _caught(self, kind):
        """The run whose task is in a trap: it has the newest batch, or the newest input without one."""
        with_batch = [batch["input_file_id"] for batch in self._emulator.batches()]
        inputs = [file["id"] for file in self._emulator.files() if file["purpose"] == "batch"]
        waiting = (
            with_batch if kind == "creating task" else [file_id for file_id in inputs if file_id not in with_batch]
        )
        return run_of_file(self._emulator, waiting[-1]) if waiting else None

    def _count(self, kind, what):
        self.made[kind] += 1
        self._log(f"killed {kind}: {what}")
