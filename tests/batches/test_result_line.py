"""Why a request failed, in whichever shape its line says so."""

import pytest

from airflow_provider_groq.batches.result_line import Reason, kind, reason_of


def row(status, body, error=None):
    return {"custom_id": "a", "response": status and {"status_code": status, "body": body}, "error": error}


@pytest.mark.parametrize(
    ("row_", "expected"),
    [
        (row(404, {"error": {"message": "No.", "code": "no_model", "type": "x"}}), Reason(404, "no_model", "No.")),
        (row(None, None, {"message": "Late.", "code": "batch_expired"}), Reason(None, "batch_expired", "Late.")),
        (row(400, {"error": {"message": "No.", "type": "x"}}), Reason(400, "x", "No.")),
        (row(500, {"error": {"message": "body"}}, {"message": "line"}), Reason(500, None, "line")),
        (row(500, {"error": {"message": "body"}}, {}), Reason(500, None, "body")),
        (row(422, {"detail": "a gateway's"}), Reason(422, None, "a gateway's")),
        (row(422, {"detail": [{"loc": ["n"], "msg": "too large"}]}), Reason(422, None, "n: too large")),
        (row(502, "away"), Reason(502, None, "away")),
        (row(None, None, "a text"), Reason(None, None, "a text")),
        (row(None, None, [{"message": "one"}, {"message": "two"}]), Reason(None, None, "one")),
        (row(None, None, {"code": 7}), Reason(None, "7", None)),
        (row(None, None, {"code": {"deep": 1}, "message": {"deep": 1}}), Reason(None, None, None)),
        (row("400", 5), Reason(None, None, None)),
        ({"custom_id": "a", "response": []}, Reason(None, None, None)),
    ],
)
def test_the_reason_is_found_in_every_shape(row_, expected):
    assert reason_of(row_) == expected


@pytest.mark.parametrize(("code", "expected"), [("batch_expired", "expired"), ("batch_canceled", "cancelled")])
def test_what_ended_a_request_counts_wherever_it_stands(code, expected):
    error = {"message": "x", "code": code}
    assert kind(row(None, None, error)) == kind(row(400, {"error": error})) == expected
