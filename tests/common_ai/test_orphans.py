"""A try that ended before it could write down which batch it had made: the next one finds it, and pays nothing."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from common_ai.conftest import imported

from airflow_provider_groq.exceptions import GroqLookupError, GroqLostAnswerError

exceptions = imported("exceptions")

NOW = datetime.now(UTC).isoformat()

CHILD = """
import sys
from pathlib import Path
from common_ai.conftest import Tries
Tries(None, Path(sys.argv[1])).run()
"""


def test_a_batch_whose_maker_was_killed_is_found_again(tries):
    """Killed with SIGKILL while Groq, which has made the batch, has not answered yet."""
    tries.emulator.fault("/batches", method="POST", delay=60.0)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, str(Path(__file__).parents[1])])}
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(tries.folder)], env=environment)
    try:
        until = time.monotonic() + 60
        while not tries.emulator.batches():
            assert child.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    (batch,) = tries.emulator.batches()
    assert tries.run()["batch_id"] == batch["id"]
    assert len(tries.emulator.batches()) == 1


def test_a_batch_whose_answer_was_lost_is_found_at_once(tries):
    tries.emulator.fault("/batches", method="POST", drop="after")
    manifest = tries.run()
    assert [batch["id"] for batch in tries.emulator.batches()] == [manifest["batch_id"]]


def test_a_batch_that_is_listed_late_is_found_by_the_next_try(tries):
    tries.emulator.set(listing_delay=1000)
    tries.emulator.fault("/batches", method="POST", drop="after")
    with pytest.raises(GroqLostAnswerError):
        tries.run()
    tries.emulator.advance(1001)
    manifest = tries.run()
    assert [batch["id"] for batch in tries.emulator.batches()] == [manifest["batch_id"]]


def test_while_groq_cannot_be_asked_nothing_is_made(tries, quick_retries):
    tries.emulator.set(listing_delay=1000)
    tries.emulator.fault("/batches", method="POST", drop="after")
    with pytest.raises(GroqLostAnswerError):
        tries.run()
    tries.emulator.fault("/batches", method="GET", times=None, status=500)
    with pytest.raises(exceptions.LLMBatchOrphanLookupError) as raised:
        tries.run()
    assert "reattach" not in str(raised.value)  # which common-ai's operators do not have
    assert len(tries.emulator.batches()) == 1


def test_a_server_without_metadata_tells_it_by_the_name_of_its_input_file(tries):
    tries.emulator.set(drop_metadata=True)
    tries.emulator.fault("/batches", method="POST", drop="after")
    assert tries.run()["counts"]["succeeded"] == 3
    assert len(tries.emulator.batches()) == 1


def test_both_marks_travel_with_the_batch(groq_emulator, submit):
    submit(key="0123456789abcdef", fingerprint="a" * 64)
    metadata = groq_emulator.batches()[0]["metadata"]
    assert (metadata["idempotency_key"], metadata["input_fingerprint"]) == ("0123456789abcdef", "a" * 64)


def test_the_newest_of_this_task_and_input_is_taken(groq_emulator, adapter, submit):
    submit(key="other")
    submit()
    groq_emulator.advance(10)
    newest = submit()
    groq_emulator.advance(10)
    submit(fingerprint="a" * 64)
    assert adapter.find_orphaned_batch("0123456789abcdef", "f" * 64, NOW) == newest
    assert adapter.find_orphaned_batch("0123456789abcdef", "e" * 64, NOW) is None
    assert adapter.find_orphaned_batch("somebody-else", "f" * 64, NOW) is None


@pytest.mark.parametrize(("seconds", "found"), [(200, True), (400, False)])
def test_one_that_is_older_than_the_task_is_not_taken(groq_emulator, adapter, submit, seconds, found):
    """The clocks may differ by 300 s."""
    made = submit()
    since = datetime.fromtimestamp(groq_emulator.now(), UTC) + timedelta(seconds=seconds)
    assert adapter.find_orphaned_batch("0123456789abcdef", "f" * 64, since.isoformat()) == (made if found else None)


def test_without_a_time_any_is_taken(adapter, submit):
    made = submit()
    assert adapter.find_orphaned_batch("0123456789abcdef", "f" * 64, "") == made


def test_one_among_many_is_found(adapter, submit, make_batch):
    made = submit()
    for _ in range(45):
        make_batch()
    assert adapter.find_orphaned_batch("0123456789abcdef", "f" * 64, NOW) == made


@pytest.mark.parametrize("status", ["failed", "cancelling", "cancelled"])
def test_one_that_has_come_to_nothing_is_not_taken(groq_emulator, adapter, submit, status):
    kept = submit()
    groq_emulator.advance(10)
    groq_emulator.force_status(submit(), status)
    assert adapter.find_orphaned_batch("0123456789abcdef", "f" * 64, NOW) == kept


def test_a_lookup_that_fails_raises(groq_emulator, adapter, quick_retries):
    groq_emulator.fault("/batches", method="GET", times=None, status=500)
    with pytest.raises(GroqLookupError):
        adapter.find_orphaned_batch("0123456789abcdef", "f" * 64, NOW)
