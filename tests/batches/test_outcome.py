"""What the end of a batch means: the table of outcomes."""

import pytest

from airflow_provider_groq.batches.events import WaitEnd
from airflow_provider_groq.batches.outcome import batch_problem, describe, problem, remark
from airflow_provider_groq.exceptions import (
    GroqBatchCancelledError,
    GroqBatchExpiredError,
    GroqBatchFailedError,
    GroqBatchRequestsError,
    GroqBatchTimeoutError,
    GroqBatchUnknownError,
)

OUT, ERR = {"output_file_id": "file_out"}, {"error_file_id": "file_err"}
BOTH = OUT | ERR

ALL_FAILED = "completed, but all of its 3 requests failed. Each one's reason is in file file_err: GroqDownload"
ONE_FAILED = "completed, but 1 of its 3 requests failed. Each one's reason is in file file_err: GroqDownload"
SOME_FAILED = "completed, but requests in it failed. Each one's reason is in file file_err"
UNEXPLAINED = "completed, but requests in it failed. There is no file that says why."
EXPIRED = "expired: its completion window (24h) closed before the work was done. "
TWO_DONE = "2 of 3 requests had succeeded and are charged; their answers are in file file_out, which GroqDownload"
SOME_DONE = "Some requests had succeeded and are charged; their answers are in file file_out"
NONE_DONE = "No request had succeeded."
ADVICE = "Send the rest again, in smaller batches or with a longer completion_window."
REQUESTS, EXPIRY = GroqBatchRequestsError, GroqBatchExpiredError


@pytest.mark.parametrize(
    ("status", "counts", "files", "problem_", "strict_problem", "facts"),
    [
        ("completed", (3, 3, 0), OUT, None, None, []),
        ("completed", (3, 2, 1), BOTH, None, REQUESTS, [ONE_FAILED]),
        ("completed", (3, 0, 3), ERR, REQUESTS, REQUESTS, [ALL_FAILED]),
        ("completed", None, OUT, None, None, []),
        ("completed", None, BOTH, None, REQUESTS, [SOME_FAILED]),
        ("completed", None, ERR, REQUESTS, REQUESTS, [SOME_FAILED]),
        ("completed", None, {}, REQUESTS, REQUESTS, [UNEXPLAINED]),
        ("completed", (3, 3, 0), {}, None, None, []),
        ("expired", (3, 2, 0), BOTH, None, EXPIRY, [EXPIRED, TWO_DONE, ADVICE]),
        ("expired", (3, 0, 0), ERR, EXPIRY, EXPIRY, [EXPIRED, NONE_DONE, ADVICE]),
        ("expired", (0, 0, 0), {}, EXPIRY, EXPIRY, [EXPIRED, NONE_DONE]),
        ("expired", None, OUT, None, EXPIRY, [EXPIRED, SOME_DONE]),
        ("expired", (3, 2, 0), {}, None, EXPIRY, ["2 of 3 requests had succeeded", "no file of their answers"]),
        ("cancelled", (3, 2, 0), BOTH, GroqBatchCancelledError, GroqBatchCancelledError, [TWO_DONE, "clear the task"]),
        ("cancelled", (3, 0, 0), {}, GroqBatchCancelledError, GroqBatchCancelledError, [NONE_DONE, "clear the task"]),
        ("failed", (0, 0, 0), {}, GroqBatchFailedError, GroqBatchFailedError, ["file_in", "no reason given"]),
    ],
)
@pytest.mark.parametrize("strict", [False, True], ids=["lenient", "strict"])
def test_every_end_of_a_batch(make, status, counts, files, problem_, strict_problem, facts, strict):
    batch = make(status, counts, **files)
    end = WaitEnd(batch_id=batch.id, reason="terminal", batch=batch)
    found = problem(end, fail_on_partial_error=strict)
    assert type(found) is ((strict_problem if strict else problem_) or type(None))
    assert repr(batch_problem(batch, fail_on_partial_error=strict)) == repr(found)
    if found:
        assert found.batch_id == batch.id
        assert batch.id in str(found)
        assert not found.retryable
        for fact in facts:
            assert fact in str(found)
    elif facts:
        for fact in facts:
            assert fact in remark(batch)
    else:
        assert remark(batch) == ""


@pytest.mark.parametrize("status", ["validating", "in_progress", "finalizing", "cancelling", "paused"])
def test_a_batch_under_way_has_no_problem_yet(make, status):
    assert batch_problem(make(status), fail_on_partial_error=True) is None


def test_a_rejected_file_is_told_with_the_numbers_of_its_lines(make):
    errors = [{"code": "c", "line": number, "message": f"Bad {number}."} for number in range(1, 8)]
    text = str(batch_problem(make("failed", errors=errors)))
    assert "Groq rejected the input file file_in of batch batch_1: line 1: Bad 1; line 2: Bad 2; " in text
    assert "line 5: Bad 5; and 2 more. Nothing ran and nothing is charged." in text
    assert "line 6" not in text


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ({"message": "Too many lines."}, "batch_1: Too many lines. "),
        ({"code": "empty_file"}, "batch_1: empty_file. "),
        ({"line": 0, "code": "bad"}, "batch_1: line 0: bad. "),
        ({}, "batch_1: no reason given. "),
    ],
)
def test_an_error_is_told_by_what_it_has(make, error, told):
    assert told in str(batch_problem(make("failed", errors={"data": [error]})))


def test_a_rejected_file_that_is_not_named(make):
    assert str(batch_problem(make("failed", input_file_id=""))).startswith("Groq rejected the input file of batch")


@pytest.mark.parametrize(
    ("reason", "kind", "retryable"),
    [("timeout", GroqBatchTimeoutError, False), ("unknown", GroqBatchUnknownError, False)],
)
def test_a_wait_that_saw_no_end(make, reason, kind, retryable):
    """Whatever the batch was when last seen."""
    for batch in (None, make("in_progress"), make("completed", (1, 1, 0))):
        found = problem(WaitEnd(batch_id="batch_1", reason=reason, batch=batch, message="Why."))
        assert type(found) is kind
        assert (str(found), found.batch_id, found.retryable) == ("Why.", "batch_1", retryable)


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ((0, 0, 0), "Batch batch_1: in_progress."),
        ((3, 1, 0), "Batch batch_1: in_progress, 1 of 3 requests done (33%), 0 failed."),
        ((50_000, 40_000, 1_234), "Batch batch_1: in_progress, 41,234 of 50,000 requests done (82%), 1,234 failed."),
    ],
)
def test_progress_in_one_line(make, counts, told):
    assert describe(make(counts=counts)) == told
