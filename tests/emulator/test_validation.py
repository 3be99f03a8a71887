"""The check of the input file, which comes after the batch was created."""

import json

import pytest

GOOD = {
    "custom_id": "a",
    "method": "POST",
    "url": "/v1/chat/completions",
    "body": {"model": "openai/gpt-oss-20b", "messages": [{"role": "user", "content": "Hello"}]},
}


def changed(**changes):
    return {name: value for name, value in (GOOD | changes).items() if value is not None}


def body(**changes):
    merged = GOOD["body"] | changes
    return changed(body={name: value for name, value in merged.items() if value is not None})


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        (b"not json", ("invalid_json_line", None)),
        (b"", ("invalid_json_line", None)),
        (b'"text"', ("invalid_json_line", None)),
        (b"[1]", ("invalid_json_line", None)),
        (b'{"a": NaN}', ("invalid_json_line", None)),
        (b"\xff\xfe", ("invalid_json_line", None)),
        (b"\xef\xbb\xbf{}", ("invalid_json_line", None)),
        (b"[" * 100_000, ("invalid_json_line", None)),
        (changed(custom_id=None), ("missing_required_parameter", "custom_id")),
        (changed(custom_id=""), ("missing_required_parameter", "custom_id")),
        (changed(custom_id=7), ("invalid_type", "custom_id")),
        (changed(custom_id="first"), ("duplicate_custom_id", "custom_id")),
        (changed(method=None), ("missing_required_parameter", "method")),
        (changed(method="GET"), ("invalid_method", "method")),
        (changed(url=None), ("missing_required_parameter", "url")),
        (changed(url="/v1/embeddings"), ("invalid_url", "url")),
        (changed(body=None), ("missing_required_parameter", "body")),
        (changed(body="text"), ("invalid_type", "body")),
        (body(model=None), ("missing_required_parameter", "body.model")),
        (body(model=""), ("missing_required_parameter", "body.model")),
        (body(stream=True), ("unsupported_parameter", "body.stream")),
    ],
)
def test_a_bad_line_fails_the_batch_and_is_named_by_number(groq_emulator, account, jsonl, bad, named):
    content = jsonl([changed(custom_id="first")]) + (bad if isinstance(bad, bytes) else json.dumps(bad).encode())
    batch = account.submit(content + b"\n" + jsonl([changed(custom_id="last")]))
    assert batch["status"] == "validating"
    assert batch["errors"] is None
    groq_emulator.advance(60)
    batch = account.batch(batch["id"])
    assert batch["status"] == "failed"
    assert batch["errors"]["object"] == "list"
    (error,) = batch["errors"]["data"]
    assert error["line"] == 2
    assert (error["code"], error["param"]) == named
    assert error["message"].endswith(".")


def test_a_failed_batch_has_no_files_and_no_counts(account):
    batch = account.finish(b"bad\n")
    assert batch["failed_at"] >= batch["created_at"]
    assert batch["request_counts"] == {"total": 0, "completed": 0, "failed": 0}
    names = ("in_progress_at", "completed_at", "output_file_id", "error_file_id")
    assert [batch[name] for name in names] == [None] * 4


def test_every_bad_line_is_listed(account, jsonl):
    good = jsonl([changed(custom_id="a")])
    batch = account.finish(b"bad\n" + good + b"bad\n" + good)
    assert [error["line"] for error in batch["errors"]["data"]] == [1, 3, 4]


def test_at_most_100_errors_are_listed(account):
    batch = account.finish(b"bad\n" * 1000)
    assert len(batch["errors"]["data"]) == 100


def test_an_empty_file_fails(account):
    (error,) = account.finish(b"")["errors"]["data"]
    assert (error["code"], error["line"]) == ("empty_file", None)


def test_too_many_lines_fail(groq_emulator, account, jsonl):
    groq_emulator.set(max_lines=3)
    lines = [changed(custom_id=str(number)) for number in range(4)]
    assert account.finish(jsonl(lines[:3]))["status"] == "completed"
    (error,) = account.finish(jsonl(lines))["errors"]["data"]
    assert (error["code"], error["line"]) == ("too_many_lines", None)
    assert "3 lines" in error["message"]


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n"])
def test_the_last_line_may_end_in_any_way(account, ending):
    assert account.finish(json.dumps(GOOD).encode() + ending)["status"] == "completed"


def test_stream_may_be_false(account):
    assert account.finish(body(stream=False))["status"] == "completed"


def test_errors_can_come_as_a_bare_list(groq_emulator, account):
    groq_emulator.set(errors_as_list=True)
    assert account.finish(b"bad\n")["errors"][0]["line"] == 1


def test_50_000_lines_are_checked_and_answered_in_seconds(account, jsonl):
    content = jsonl([changed(custom_id=str(number)) for number in range(50_000)])
    account.http.timeout = 60
    batch = account.finish(content)
    assert batch["request_counts"] == {"total": 50_000, "completed": 50_000, "failed": 0}
    assert len(account.output(batch)) == 50_000
    assert account.finish(content + jsonl([changed(custom_id="one more")]))["status"] == "failed"
