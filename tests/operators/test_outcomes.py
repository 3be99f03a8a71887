"""Every end of a batch, however it is waited for, ends the task in one documented way."""

import pytest
from airflows import RESCHEDULED, VERSION, since

GOOD = {"output_file_id": "file_out", "request_counts": {"total": 3, "completed": 3, "failed": 0}}
SOME = {
    "output_file_id": "file_out",
    "error_file_id": "file_err",
    "request_counts": {"total": 3, "completed": 2, "failed": 1},
}
NONE = {
    "output_file_id": None,
    "request_counts": {"total": 3, "completed": 0, "failed": 3},
    "error_file_id": "file_err",
}
REJECTED = {
    "output_file_id": None,
    "error_file_id": None,
    "request_counts": {"total": 0, "completed": 0, "failed": 0},
    "errors": {"object": "list", "data": [{"code": "invalid_json", "line": 7, "message": "no JSON", "param": None}]},
}

TABLE = [
    ("completed", GOOD, "success", "completed, 3 of 3 requests done"),
    ("completed", SOME, "success", "completed, but 1 of its 3 requests failed"),
    ("completed", NONE, "failed", "GroqBatchRequestsError: Batch {id} completed, but all of its 3 requests failed"),
    ("failed", REJECTED, "failed", "GroqBatchFailedError: Groq rejected the input file"),
    ("expired", SOME, "success", "Batch {id} expired: its completion window"),
    ("expired", NONE, "failed", "GroqBatchExpiredError: Batch {id} expired: its completion window"),
    ("cancelled", SOME, "failed", "GroqBatchCancelledError: Batch {id} was cancelled"),
    ("cancelled", NONE, "failed", "GroqBatchCancelledError: Batch {id} was cancelled"),
]


@pytest.mark.parametrize(("status", "fields", "state", "message"), TABLE)
@pytest.mark.parametrize(
    "way",
    [
        "create_worker",
        "create_deferred",
        "sense_poke",
        pytest.param("sense_reschedule", marks=since(3, 1, RESCHEDULED)),
        "sense_deferred",
    ],
)
def test_end_of_batch(run_dag, groq_emulator, make_batch, way, status, fields, state, message):
    """The state and the message are the same for each way of waiting."""
    conf = {}
    if way.startswith("sense"):
        conf["batch_id"] = make_batch()
    in_progress = {"status": "in_progress", "output_file_id": None, "error_file_id": None}
    groq_emulator.fault("/batches/*", method="GET", times=2, merge=in_progress)
    groq_emulator.fault("/batches/*", method="GET", times=None, merge={"status": status, **fields})

    ran = run_dag(way, **conf)

    (batch,) = groq_emulator.batches()
    assert ran.state == state
    if VERSION >= (3, 1) or state != "failed":  # 3.0 draws a frame around the error, in the midst of its text
        assert message.format(id=batch["id"]) in ran.log
