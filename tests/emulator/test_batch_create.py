"""`POST /batches`: what is accepted, and what is refused at once."""

import re

import pytest

DAY = 86400


def test_a_new_batch_is_described_as_groq_does(groq_emulator, account, jsonl, line):
    file = account.upload(jsonl([line()])).json()
    batch = account.create(file["id"], metadata={"dag": "example"}).json()
    assert re.fullmatch(r"batch_01[0-9a-hjkmnp-tv-z]{24}", batch.pop("id"))
    created_at = batch.pop("created_at")
    assert groq_emulator.now() - created_at < 5
    assert batch.pop("expires_at") == created_at + DAY
    assert batch == {
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "errors": None,
        "input_file_id": file["id"],
        "completion_window": "24h",
        "status": "validating",
        "output_file_id": None,
        "error_file_id": None,
        "request_counts": {"total": 0, "completed": 0, "failed": 0},
        "metadata": {"dag": "example"},
        "finalizing_at": None,
        "failed_at": None,
        "expired_at": None,
        "cancelled_at": None,
        "cancelling_at": None,
        "completed_at": None,
        "in_progress_at": None,
    }


def test_a_batch_that_takes_no_time_is_still_validating_when_created(groq_emulator, account):
    groq_emulator.set(seconds=0)
    batch = account.submit()
    assert batch["status"] == "validating"
    assert account.batch(batch["id"])["status"] == "completed"


@pytest.mark.parametrize(("window", "seconds"), [("24h", DAY), ("1d", DAY), ("100h", 360_000), ("7d", 7 * DAY)])
def test_windows_from_24_hours_to_7_days(account, window, seconds):
    batch = account.submit(completion_window=window)
    assert batch["completion_window"] == window
    assert batch["expires_at"] - batch["created_at"] == seconds


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"completion_window": "12h"}, "completion_window"),
        ({"completion_window": "8d"}, "completion_window"),
        ({"completion_window": "169h"}, "completion_window"),
        ({"completion_window": "1 day"}, "completion_window"),
        ({"completion_window": "24H"}, "completion_window"),
        ({"completion_window": 86400}, "completion_window"),
        ({"completion_window": None}, "completion_window"),
        ({"endpoint": "/v1/embeddings"}, "endpoint"),
        ({"endpoint": ""}, "endpoint"),
        ({"input_file_id": ""}, "input_file_id"),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"metadata": {"a": None}}, "metadata"),
        ({"metadata": ["a"]}, "metadata"),
        ({"metadata": "a"}, "metadata"),
    ],
)
def test_a_wrong_parameter_is_refused_by_name(account, changes, param):
    answer = account.create(account.upload(b"{}").json()["id"], **changes)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert account.http.get("/batches").json()["data"] == []


@pytest.mark.parametrize("endpoint", ["/v1/chat/completions", "/v1/audio/transcriptions", "/v1/audio/translations"])
def test_the_three_endpoints(account, endpoint):
    assert account.submit(endpoint=endpoint)["endpoint"] == endpoint


@pytest.mark.parametrize("metadata", [None, {}, {"é": "\u0000 \U0001f600", "lone": "\ud800"}])
def test_metadata_is_kept_as_it_is(groq_emulator, account, metadata):
    batch = account.submit(metadata=metadata)
    assert batch["metadata"] == metadata
    assert groq_emulator.batches()[0]["metadata"] == metadata


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_refused(account, body):
    answer = account.http.post("/batches", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_an_unknown_input_file_is_not_found(account):
    answer = account.create("file_01nothing")
    assert answer.status_code == 404
    assert "file_01nothing" in answer.json()["error"]["message"]


def test_an_output_file_is_no_input(account):
    answer = account.create(account.finish()["output_file_id"])
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "input_file_id"


def test_one_file_can_be_the_input_of_two_batches(account):
    first = account.submit()
    second = account.create(first["input_file_id"]).json()
    assert first["id"] != second["id"]
