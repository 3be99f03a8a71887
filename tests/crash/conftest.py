"""The rounds of the crash test, and the process that they are forked from."""

import multiprocessing
import os
import sys
from multiprocessing import forkserver

import pytest


def pytest_generate_tests(metafunc):
    """A test for each round, with its seed in the name."""
    for fixture, option in (
        ("crash_seed", "crash_rounds"),
        ("job_seed", "job_rounds"),
        ("thrifty_seed", "thrifty_rounds"),
    ):
        if fixture in metafunc.fixturenames:
            rounds, seed = metafunc.config.getoption(option), metafunc.config.getoption("crash_seed")
            metafunc.parametrize(fixture, [f"{seed}-{number}" for number in range(1, rounds + 1)])


@pytest.fixture(scope="session")
def nursery():
    """A process that has imported all, from which each try is forked."""
    paths = [path for path in sys.path if path]
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    multiprocessing.get_context("forkserver").set_forkserver_preload(["crash.child"])
    forkserver.ensure_running()
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before
    yield
    forkserver._forkserver._stop()
