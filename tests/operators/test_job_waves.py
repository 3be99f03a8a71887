"""An error in the middle of the batches of a round: the next try finds those that were made, and makes the others."""

import pytest
from operators.conftest import texts

from airflow_provider_groq.compat import AirflowFailException
from airflow_provider_groq.exceptions import GroqError

ROWS, SHARDS = 13, 5
OPTIONS = {"rows": texts(ROWS), "delete_files": False}

FAULTS = {
    "401": {"status": 401},
    "413": {"status": 413},
    "500": {"status": 500},
}
UNSEEN = {
    "502 though it took effect": {"status": 502, "takes_effect": True},
    "no answer": {"drop": "after"},
}
"""Faults after which what was asked for has been done."""


def begin(job, path, fault):
    """From the third of five on, all calls go wrong."""
    job.emulator.fault(path, method="POST", skip=2, times=None, **fault)


def check(job):
    """Each row is answered, in its place, and each request was paid once."""
    assert [answer["custom_id"] for answer in job.answers()] == [f"row-{number}" for number in range(ROWS)]
    assert {answer["status"] for answer in job.answers()} == {"succeeded"}
    batches = job.emulator.batches()
    assert len(batches) == SHARDS
    assert sum(batch["request_counts"]["completed"] for batch in batches) == ROWS


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        *(pytest.param("/batches", fault, id=f"batches {name}") for name, fault in FAULTS.items()),
        *(pytest.param("/files", fault, id=f"files {name}") for name, fault in (FAULTS | UNSEEN).items()),
    ],
)
@pytest.mark.parametrize("cleared", [False, True], ids=["retried", "cleared"])
def test_what_was_made_before_the_error_is_found_and_paid_once(job, quick_retries, path, fault, cleared):
    begin(job, path, fault)
    with pytest.raises((AirflowFailException, GroqError)):
        job.run(**OPTIONS)
    made = {batch["id"] for batch in job.emulator.batches()}
    job.emulator.clear_faults()
    if cleared:
        job.clear()
    job.run(**OPTIONS)
    assert made <= {batch["id"] for batch in job.emulator.batches()}
    check(job)


@pytest.mark.parametrize("fault", UNSEEN.values(), ids=UNSEEN)
def test_batches_whose_answers_are_lost_are_found_by_the_same_try(job, quick_retries, fault):
    begin(job, "/batches", fault)
    job.run(**OPTIONS)
    check(job)


def test_a_refused_key_in_the_middle_ends_the_task_for_good(job, quick_retries):
    begin(job, "/batches", FAULTS["401"])
    with pytest.raises(AirflowFailException, match="GroqAuthenticationError"):
        job.run(**OPTIONS)
    assert len(job.emulator.batches()) == 2


@pytest.mark.parametrize(("fault", "then"), [("500", "The next try"), ("413", "clear the task: it")])
@pytest.mark.parametrize("path", ["/batches", "/files"])
def test_the_error_names_the_shard_what_was_made_and_what_to_do(job, quick_retries, path, fault, then):
    begin(job, path, FAULTS[fault])
    said = rf"shard \d \(counted from 0\) of 5, .*{then} (resumes them and creates the others|creates them)"
    with pytest.raises((AirflowFailException, GroqError), match=said) as raised:
        job.run(**OPTIONS)
    made = len(job.emulator.batches())
    assert made == 2 if path == "/batches" else made <= 2
    told = f"Created so far in this round: {made} batch" if made else "No batch of this round was created"
    assert told in str(raised.value)
