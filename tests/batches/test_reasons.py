"""Why requests failed, told from the beginning of an error file."""

import json

import pytest

from airflow_provider_groq.batches import reasons


def line(custom_id, status=404, error=None, *, top=None):
    body = {"error": error or {"message": "No such model.", "code": "model_not_found"}}
    response = {"status_code": status, "request_id": "req_1", "body": body} if status else None
    return json.dumps({"id": "b", "custom_id": custom_id, "response": response, "error": top}).encode() + b"\n"


def test_the_commonest_come_first_each_with_an_example():
    invalid = {"message": "Failed to generate JSON.", "code": "json_validate_failed"}
    expired = {"code": "batch_expired", "message": "The window closed."}
    head = line("a") + line("b", 400, invalid) + line("c") + line("d", 0, top=expired) + line("e")
    assert reasons.summary(head, whole=True) == (
        "3 of 5: 404 model_not_found (No such model), such as a; "
        "1 of 5: 400 json_validate_failed (Failed to generate JSON), such as b; "
        "1 of 5: batch_expired (The window closed), such as d"
    )


def test_of_a_part_of_a_file_the_last_line_may_be_cut():
    head = (line("a") + line("b"))[:-20]
    assert reasons.summary(head, whole=False).startswith("1 of the first 1: 404 model_not_found")
    assert reasons.summary(head, whole=True).startswith("1 of 1: ")


def test_more_than_three_are_counted():
    head = b"".join(line(str(status), status, {"message": "No."}) for status in (400, 401, 403, 413, 422))
    assert reasons.summary(head, whole=True).endswith("; and 2 more reasons")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ({"message": "x" * 1000, "type": "invalid_request_error"}, "404 invalid_request_error (" + "x" * 160 + ")"),
        ("a text", "404 (a text)"),
        ({"message": {"deep": 1}, "code": 7}, "404 7"),
        ({"error": {"message": "Within.", "code": "deeper"}}, "404 deeper (Within)"),
        ([{"message": "One."}, {"message": "Two."}], "404 (One)"),
        ({"detail": [{"loc": ["body", "n"], "msg": "too large"}]}, "404 (body.n: too large)"),
        ({"message": "two\nlines\x1b[31m"}, "404 (two lines\ufffd[31m)"),
    ],
)
def test_whatever_stands_there_fits_a_line(error, told):
    assert reasons.summary(line("a", error=error), whole=True) == f"1 of 1: {told}, such as a"


@pytest.mark.parametrize("head", [b"", b"\n\n", b"{malformed\n", b"[1]\n", b'{"custom_id": 5}\n', b"\xff\n"])
def test_what_cannot_be_read_gives_no_reasons(head):
    assert reasons.summary(head, whole=True) == ""


@pytest.mark.parametrize(
    "row",
    [
        '{"custom_id": "a"}',
        '{"custom_id": "a", "response": 5, "error": []}',
        '{"custom_id": "a", "response": {"body": 3}}',
    ],
)
def test_a_line_without_a_reason_is_counted(row):
    assert reasons.summary(row.encode(), whole=True) == "1 of 1: no code, such as a"
