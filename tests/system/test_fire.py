"""Many parts of Airflow, killed at random while Groq is ill: every run ends well, and is paid for once."""

import random
import time
from contextlib import closing

import pytest
from system.fire.fleet import Fleet
from system.fire.killer import KINDS, Killer
from system.fire.outcome import Outcome
from system.fire.runs import Runs
from system.fire.stores import Postgres, Redis, missing
from system.fire.trouble import Trouble
from system.rest import KEY, await_that

from airflow_provider_groq.emulator import GroqEmulator

pytestmark = [pytest.mark.system, pytest.mark.timeout(3600)]

BATCH_SECONDS = 15

START_PAUSE = (2.0, 6.0)
"""Between the starts of two runs, in seconds."""

RUNS_A_ROUND = 8
"""In each round, one thing of each kind is killed."""

LEAST_SECONDS, SECONDS_A_RUN = 300.0, 20.0
"""How long all may take: so long, and so much more for each run."""


def pytest_generate_tests(metafunc):
    metafunc.parametrize("seed", metafunc.config.getoption("fire_seed") or [1])


@pytest.fixture
def stores(tmp_path):
    if reason := missing():
        pytest.skip(f"what Airflow under fire stands on cannot be had: {reason}")
    with (tmp_path / "stores.log").open("wb") as log, Postgres(log) as postgres, Redis(log) as redis:
        yield postgres, redis


def test_every_run_ends_well_and_is_paid_for_once(stores, seed, pytestconfig, tmp_path, capsys):
    """All runs are successful, with all of their rows, and one batch each, a job as many as its two rounds have.

    Nothing is cancelled, nothing runs on, and the key is nowhere.
    """
    count = pytestconfig.getoption("fire_runs")
    began = time.monotonic()
    with (
        GroqEmulator(seconds=BATCH_SECONDS, api_key=KEY) as emulator,
        Fleet(tmp_path, *stores) as fleet,
        closing(Runs(fleet, stores[0], tmp_path, count)) as runs,
    ):
        runs.connect(emulator)
        killed, faults = burn(fleet, emulator, runs, seed, tmp_path / "kills.log")
        outcome = Outcome.of(runs, emulator)
    kills = ", ".join(f"{kind} {killed[kind]}" for kind in KINDS)
    with capsys.disabled():
        said = f"seed {seed}: {outcome}; killed: {kills}; {faults} faults; {time.monotonic() - began:.0f} s"
        print(f"\n{said}")  # noqa: T201 - what the test has measured

    assert outcome.unsuccessful == {}
    assert outcome.duplicates == {}
    assert outcome.sent_twice == set()
    assert outcome.cancelled == outcome.running == []
    assert (outcome.lost, outcome.repeated) == (set(), set())
    assert count < RUNS_A_ROUND or set(killed) == set(KINDS)
    assert seen_in(tmp_path, "Created batch"), "the logs of the tasks were searched"
    assert seen_in(tmp_path, KEY) == []
    dump = stores[0].dump()
    assert b"groq_default" in dump
    assert KEY.encode() not in dump


def burn(fleet, emulator, runs, seed, log):
    """Start the runs while all around them fails, and wait for their end.

    Returns:
        How many of each kind were killed, and how many requests to Groq went wrong.
    """
    began = now = time.monotonic()
    until = began + LEAST_SECONDS + SECONDS_A_RUN * len(runs.all)
    # Independent of each other, so that each is the same each time whatever takes how long.
    starts, kills, faults = (random.Random(f"{seed} {what}") for what in ("starts", "kills", "faults"))
    next_start = now
    with log.open("w") as lines:

        def note(line):
            print(f"{time.monotonic() - began:.1f} s: {line}", file=lines, flush=True)

        rounds = max(1, len(runs.all) // RUNS_A_ROUND)
        killer = Killer(fleet, emulator, runs, kills, rounds=rounds, now=now, log=note)
        trouble = Trouble(emulator, faults, now)
        while not runs.ended() and now < until:
            if runs.waiting and now >= next_start and runs.start_next():
                next_start = now + starts.uniform(*START_PAUSE)
            killer.go_on(now)
            if runs.waiting or not killer.done:
                trouble.go_on(now)
            time.sleep(0.3)
            now = time.monotonic()
    # What Airflow has lost may still pay for something.
    await_that(lambda: not fleet.works(), "all tasks have ended")
    return killer.made, trouble.met()


def seen_in(folder, text):
    """The files that hold a text."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if text.encode() in path.read_bytes()]
