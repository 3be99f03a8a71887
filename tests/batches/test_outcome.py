"""What the end of a batch means: the table of outcomes."""

import pytest

from airflow_provider_groq.batches.events import WaitEnd
from airflow_provider_groq.batches.outcome import batch_problem, clock, describe, problem, warning
from airflow_provider_groq.exceptions import (
    GroqBatchCancelledError,
    GroqBatchExpiredError,
    GroqBatchFailedError,
    GroqBatchRequestsError,
    GroqBatchResultsPendingError,
    GroqBatchTimeoutError,
    GroqBatchUnknownError,
)

NONE = {"output_file_id": None, "error_file_id": None}
OUT, ERR = NONE | {"output_file_id": "file_out"}, NONE | {"error_file_id": "file_err"}
BOTH = {"output_file_id": "file_out", "error_file_id": "file_err"}

ALL_FAILED = "completed, but all of its 3 requests failed. The reason of each is in file file_err: GroqDownload"
ONE_FAILED = "completed, but 1 of its 3 requests failed. The reason of each is in file file_err: GroqDownload"
SOME_FAILED = "completed, but requests in it failed. The reason of each is in file file_err"
NO_FILE = "is completed: it names neither an output nor an error file. The file may still appear. Retry or clear"
NO_OUTPUT = "is completed: 3 of 3 requests succeeded, but it names no output file. The file may still appear."
NO_ERRORS = "is completed: 1 of 3 requests failed, but it names no error file. The file may still appear."
NEITHER = "is completed: 2 of 3 requests succeeded, but it names no output file and 1 of 3 requests failed, but"
EXPIRED = "expired: its completion window (24h) closed before the work was done. "
TWO_DONE = "2 of 3 requests had succeeded and are charged; their answers are in file file_out, which GroqDownload"
SOME_DONE = "Some requests had succeeded and are charged; their answers are in file file_out"
NONE_DONE = "No request had succeeded."
ADVICE = "Resend the rest in smaller batches or with a longer completion_window."
REQUESTS, EXPIRY, PENDING = GroqBatchRequestsError, GroqBatchExpiredError, GroqBatchResultsPendingError


@pytest.mark.parametrize(
    ("status", "counts", "files", "problem_", "strict_problem", "facts"),
    [
        ("completed", (3, 3, 0), OUT, None, None, []),
        ("completed", (3, 2, 1), BOTH, None, REQUESTS, [ONE_FAILED]),
        ("completed", (3, 0, 3), ERR, REQUESTS, REQUESTS, [ALL_FAILED]),
        ("completed", None, OUT, None, None, []),
        ("completed", None, BOTH, None, REQUESTS, [SOME_FAILED]),
        ("completed", None, ERR, REQUESTS, REQUESTS, [SOME_FAILED]),
        ("completed", None, NONE, PENDING, PENDING, [NO_FILE]),
        ("completed", (3, 0, 0), NONE, PENDING, PENDING, [NO_FILE]),
        ("completed", (3, 3, 0), NONE, PENDING, PENDING, [NO_OUTPUT, "you do not pay twice"]),
        ("completed", (3, 3, 0), ERR, PENDING, PENDING, [NO_OUTPUT]),
        ("completed", (3, 2, 1), OUT, PENDING, PENDING, [NO_ERRORS]),
        ("completed", (3, 2, 1), NONE, PENDING, PENDING, [NEITHER]),
        ("completed", (5, 5, 0), BOTH, None, None, []),
        ("completed", (3, 0, 3), BOTH, REQUESTS, REQUESTS, ["all of its 3 requests failed"]),
        ("completed", (3, 0, 0), OUT, None, None, []),
        ("expired", (3, 2, 0), BOTH, None, EXPIRY, [EXPIRED, TWO_DONE, ADVICE]),
        ("expired", (3, 0, 0), ERR, EXPIRY, EXPIRY, [EXPIRED, NONE_DONE, ADVICE]),
        ("expired", (0, 0, 0), NONE, EXPIRY, EXPIRY, [EXPIRED, NONE_DONE]),
        ("expired", None, OUT, None, EXPIRY, [EXPIRED, SOME_DONE]),
        ("expired", (3, 2, 0), NONE, PENDING, PENDING, ["is expired: 2 of 3 requests succeeded, but"]),
        ("cancelled", (3, 2, 0), BOTH, GroqBatchCancelledError, GroqBatchCancelledError, [TWO_DONE, "clear the task"]),
        ("cancelled", (3, 0, 0), NONE, GroqBatchCancelledError, GroqBatchCancelledError, [NONE_DONE, "clear the task"]),
        (
            "failed",
            (0, 0, 0),
            NONE,
            GroqBatchFailedError,
            GroqBatchFailedError,
            ["no reason given. Nothing ran"],
        ),
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
        assert found.retryable is (type(found) is PENDING or status == "failed")
        for fact in facts:
            assert fact in str(found)
    elif facts:
        for fact in facts:
            assert fact in warning(batch)
    else:
        assert warning(batch) == ""


@pytest.mark.parametrize("status", ["validating", "in_progress", "finalizing", "cancelling", "paused"])
def test_a_batch_under_way_has_no_problem_yet(make, status):
    assert batch_problem(make(status), fail_on_partial_error=True) is None


def test_a_rejected_file_is_told_with_the_numbers_of_its_lines(make):
    errors = [{"code": "c", "line": number, "message": f"Bad {number}."} for number in range(1, 8)]
    found = batch_problem(make("failed", errors=errors))
    assert "Groq rejected the input file file_in of batch batch_1: line 1: Bad 1; line 2: Bad 2; " in str(found)
    assert "line 5: Bad 5; and 2 more. Nothing ran and nothing is charged. Fix the input" in str(found)
    assert "line 6" not in str(found)
    assert not found.retryable


LATER, FIX = "This can be transient: a retry creates a new batch.", "Fix what the reason names, then clear the task"


@pytest.mark.parametrize(
    ("errors", "told", "advice"),
    [
        ([{"code": "token_limit_exceeded", "message": "Enqueued."}], "token_limit_exceeded: Enqueued. Nothing", LATER),
        ([{"code": "Server_Error"}], "failed: Server_Error. ", LATER),
        ([{}], "failed: no reason given. ", LATER),
        ([], "failed: no reason given. ", LATER),
        ([{"message": "Too many lines."}], "failed: Too many lines. ", FIX),
        ([{"code": "empty_file"}], "failed: empty_file. ", FIX),
        ([{"code": "server_error"}, {"code": "empty_file"}], "failed: server_error; empty_file. ", FIX),
        (
            [{"line": 0, "code": "bad"}],
            "input file file_in of batch batch_1: line 0: bad. ",
            "Fix the input, then clear the task",
        ),
        ([{"line": 3, "code": "server_error"}], "line 3: server_error. ", "Fix the input, then clear the task"),
    ],
)
def test_advice_and_retry_of_a_failed_batch_go_by_its_codes(make, errors, told, advice):
    found = batch_problem(make("failed", errors=errors))
    assert told in str(found)
    assert advice in str(found)
    assert found.retryable is (advice == LATER)


@pytest.mark.parametrize(
    ("counts", "files", "done"),
    [
        ((3, 2, 1), BOTH, "2 of 3 requests had succeeded and are charged; their answers are in file file_out"),
        ((3, 0, 3), ERR, "No request had succeeded. Reasons: why. The reason of each is in file file_err"),
        (None, ERR, "No request had succeeded. Reasons: why. The reason of each is in file file_err"),
        (None, OUT, "Some requests had succeeded and are charged; their answers are in file file_out"),
    ],
)
def test_a_failed_batch_that_worked_is_not_said_to_be_free(make, counts, files, done):
    """Gateways send `failed` where all requests failed, with a file of the reasons."""
    text = str(batch_problem(make("failed", counts, **files), reasons="why"))
    assert done in text
    assert "nothing is charged" not in text
    assert "rejected" not in text


def test_reasons_stand_in_the_error_and_in_the_warning(make):
    why = "3 of 3: 404 model_not_found (No such model), such as row-1"
    for batch in (make("completed", (3, 0, 3)), make("expired", (3, 0, 3))):
        assert f" Reasons: {why}. The reason of each is in file file_err" in str(batch_problem(batch, reasons=why))
    for batch in (make("completed", (3, 1, 2)), make("expired", (3, 1, 2))):
        assert f" Reasons: {why}. The reason of each is in file file_err" in warning(batch, why)


def test_a_rejected_file_that_is_not_named(make):
    errors = [{"line": 1, "code": "bad"}]
    text = str(batch_problem(make("failed", input_file_id="", errors=errors)))
    assert text.startswith("Groq rejected the input file of batch batch_1: line 1: bad.")


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


@pytest.mark.parametrize(
    ("unix_time", "expected"),
    [
        (1_793_491_200.9, "2026-11-01 00:00:00 UTC"),
        (253_402_300_799.9, "9999-12-31 23:59:59 UTC"),
        (1e300, "9999-12-31 23:59:59 UTC"),
        (float("inf"), "9999-12-31 23:59:59 UTC"),
    ],
)
def test_a_time_is_shown_as_a_date_or_as_the_nearest_to_it(unix_time, expected):
    assert clock(unix_time) == expected


@pytest.mark.parametrize("unix_time", [-1e300, float("-inf"), float("nan")])
def test_any_other_number_is_shown_as_a_date_too(unix_time):
    """A line of the log must not end a wait."""
    assert clock(unix_time).endswith("UTC")
