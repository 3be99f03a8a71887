"""The accounting of answers: every request is counted once, however the bytes come."""

import json
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_groq.batches import results
from airflow_provider_groq.batches.json_lines import Reader
from airflow_provider_groq.batches.result_line import body_of, kind, read_row
from airflow_provider_groq.batches.results import Tally, account

USAGE = {
    "queue_time": 0.5,
    "prompt_tokens": 55,
    "prompt_time": 0.01,
    "completion_tokens": 45,
    "completion_time": 0.07,
    "total_tokens": 100,
    "total_time": 0.08,
}


def row(custom_id="r1", status=200, body=..., error=None, model="m", usage=USAGE):
    body = {"model": model, "usage": usage} if body is ... else body
    response = None if status is None else {"status_code": status, "request_id": "req_1", "body": body}
    return {"id": f"batch_req_out_{custom_id}", "custom_id": custom_id, "response": response, "error": error}


def line(*args, **kwargs):
    return json.dumps(row(*args, **kwargs)).encode() + b"\n"


def tally_of(*files, chunk=1 << 20):
    tally = Tally()
    for content in files:
        for start in range(0, len(content), chunk):
            tally.feed(content[start : start + chunk])
        tally.end()
    return tally


@pytest.mark.parametrize(
    ("row_", "expected"),
    [
        (row(), "succeeded"),
        (row(body={"text": "a transcript"}), "succeeded"),
        (row(body="a transcript as plain text"), "succeeded"),
        (row(status=400, body={"error": {"message": "bad"}}, error=None), "failed"),
        (row(status=429), "failed"),
        (row(status=500, body=None), "failed"),
        (row(status="200"), "failed"),
        (row(body={}), "failed"),
        (row(body=""), "failed"),
        (row(body=None), "failed"),
        (row(error={"code": "internal_error", "message": "x"}), "failed"),
        (row(status=None, error={"code": "internal_error", "message": "x"}), "failed"),
        (row(status=None, error=None), "failed"),
        (row(status=None, error="a text"), "failed"),
        (row(status=None, error={"message": "no code"}), "failed"),
        (row(status=None, error={"code": "batch_expired", "message": "x"}), "expired"),
        (row(status=None, error={"code": "batch_cancelled", "message": "x"}), "cancelled"),
        ({"custom_id": "r1"}, "failed"),
        ({"custom_id": "r1", "response": []}, "failed"),
    ],
)
def test_what_became_of_a_request(row_, expected):
    assert kind(row_) == expected
    assert tally_of(json.dumps(row_).encode()).rows == {expected: 1}


@pytest.mark.parametrize(
    "content",
    [
        b"no JSON",
        b"{",
        b"[1]",
        b"null",
        b"{}",
        b'{"custom_id": 5}',
        b'{"custom_id": null}',
        b"\xff\xfe",
        b"[" * 100_000,
        b"1" * 5000,
        b"\0",
    ],
)
def test_a_line_that_is_no_answer_is_unreadable(content):
    assert read_row(content) is None
    assert tally_of(line("r1") + content + b"\n" + line("r2")).rows == {"succeeded": 2, "unreadable": 1}


@pytest.mark.parametrize("blank", [b"\n", b"\r\n", b"  \t\n"])
def test_blank_lines_are_nothing(blank):
    assert tally_of(blank + line("r1") + blank + blank).rows == {"succeeded": 1}


def test_a_request_counts_once_across_both_files():
    output = line("r1") + line("r2") + line("r1")
    errors = line("r2", status=500) + line("r3", status=500)
    tally = tally_of(output, errors)
    assert tally.rows == {"succeeded": 2, "repeated": 2, "failed": 1}
    assert tally.tokens["m"]["total_tokens"] == 300


def test_a_last_line_needs_no_end_and_does_not_run_into_the_next_file():
    assert tally_of(line("r1").rstrip(), line("r2").rstrip()).rows == {"succeeded": 2}


def test_a_line_too_long_to_keep_is_unreadable_and_forgotten(monkeypatch):
    monkeypatch.setattr(results, "MAX_LINE_BYTES", 2000)
    tally = Tally()
    tally.feed(line("r1"))
    for _ in range(100):
        tally.feed(b"x" * 100)
        assert sum(map(len, tally._rest)) <= 2000
    assert tally._rest == []
    tally.feed(b"\n" + line("r2"))
    assert tally.rows == {"succeeded": 2, "unreadable": 1}


def test_tokens_are_summed_by_model():
    odd = {"prompt_tokens": 1.5, "completion_tokens": "9", "total_tokens": 1, "cached_tokens": None, "words": 7}
    tally = tally_of(
        line("r1", model="a") + line("r2", model="a") + line("r3", model="b") + line("r4", model=None),
        line("r5", model="b", usage=odd) + line("r6", model="c", usage=None) + line("r7", model="c", usage="many"),
    )
    whole = {"prompt_tokens": 55, "completion_tokens": 45, "total_tokens": 100}
    assert tally.tokens == {
        "a": {name: 2 * count for name, count in whole.items()},
        "b": whole | {"total_tokens": 101},
        "unknown": whole,
    }


FILE = line("שלום") + b"\r\n" + line("r2", status=400) + b"no JSON\n" + line("r3", body="text") + line("r2").rstrip()


@pytest.mark.parametrize("chunk", [*range(1, 40), len(FILE) - 1, len(FILE)])
def test_chunks_may_end_anywhere(chunk):
    tally = tally_of(FILE, line("r4"), chunk=chunk)
    assert tally.rows == {"succeeded": 3, "failed": 1, "unreadable": 1, "repeated": 1}
    assert tally.tokens["m"]["total_tokens"] == 300


ROWS = st.builds(
    row,
    custom_id=st.sampled_from(["r1", "r2", "", None, 5]),
    status=st.sampled_from([200, 400, None, "200", True]),
    body=st.none() | st.text() | st.dictionaries(st.sampled_from(["model", "usage"]), st.text() | st.just(USAGE)),
    error=st.none() | st.text() | st.dictionaries(st.just("code"), st.none() | st.text() | st.just("batch_expired")),
)


@given(
    st.lists(st.binary() | ROWS.map(json.dumps).map(str.encode) | st.just(b"\n"), max_size=6),
    st.integers(1, 50),
)
def test_no_bytes_are_too_odd_to_count(parts, chunk):
    content = b"".join(parts)
    tally = tally_of(content, chunk=chunk)
    assert tally.rows == tally_of(content).rows
    assert tally.rows.total() == sum(bool(entry.strip()) for entry in content.split(b"\n"))


TOKENS = st.dictionaries(
    st.sampled_from(["prompt_tokens", "x_tokens", "\n_tokens", "queue_time", "details"]),
    st.integers(-2, 2) | st.sampled_from([True, 1.0, 1.5, 2**53, 2**53 + 1, 2**70, 1e999, "1", None, {"a_tokens": 1}]),
)
ANSWERS = st.builds(
    row,
    custom_id=st.sampled_from(["r1", "r2", "x" * 31, "x" * 32, "x" * 99, "é" * 16, "", "\ud800", 5]),
    status=st.sampled_from([200, 200, 200.0, 400, "200", None]),
    body=st.fixed_dictionaries(
        {"model": st.sampled_from(["m", "n", " m\n", "m" * 200, "\x1b[31m", "", None, 5, "others"])},
        optional={"usage": TOKENS | st.none() | st.just([1])},
    )
    | st.just({}),
    error=st.sampled_from([None, None, {}, "", False, {"code": "batch_expired"}, "x"]),
)
PIECES = st.sampled_from([*map(bytes, zip(b'{}",\\ 0\n\x00\xff')), b"NaN", b'"error":1,', b"\xed\xa0\x80"])


@given(
    st.lists(ANSWERS.map(json.dumps).map(str.encode), max_size=5).map(b"\n".join),
    st.lists(st.tuples(st.integers(0, 2000), PIECES), max_size=2),
)
def test_reading_fast_changes_nothing(content, changes):
    """The json module alone gives the same counts."""
    for where, piece in changes:
        at = where % (len(content) + 1)
        content = content[:at] + piece + content[at:]
    found = tally_of(content)
    with mock.patch.object(Reader, "read", return_value=None):
        alone = tally_of(content)
    assert (alone.rows, alone.tokens) == (found.rows, found.tokens)


def test_answers_are_read_fast():
    with mock.patch.object(json, "loads", side_effect=AssertionError):
        assert tally_of(line("r1") + line("שלום", usage=None)).rows == {"succeeded": 2}


@pytest.mark.parametrize("length", [1, 31, 32, 33, 10_000])
def test_ids_of_any_length_are_told_apart(length):
    ids = [character * length for character in ("a", "b", "é", "a")]
    assert tally_of(b"".join(map(line, ids))).rows == {"succeeded": 3, "repeated": 1}


@given(ROWS)
def test_any_row_has_a_kind_and_a_body(row_):
    assert kind(row_) in {"succeeded", "failed", "expired", "cancelled"}
    assert isinstance(body_of(row_), dict)


@pytest.mark.parametrize(
    ("status", "total", "rows", "expected"),
    [
        ("completed", 3, {"succeeded": 3}, {"succeeded": 3}),
        ("completed", 3, {"succeeded": 2, "failed": 1}, {"succeeded": 2, "failed": 1}),
        ("completed", 3, {"succeeded": 2}, {"succeeded": 2, "missing": 1}),
        ("completed", 3, {"succeeded": 2, "unreadable": 1, "repeated": 4}, {"succeeded": 2, "missing": 1}),
        ("expired", 9, {"succeeded": 2, "failed": 1, "expired": 6}, {"succeeded": 2, "failed": 1, "expired": 6}),
        ("expired", 9, {"succeeded": 2, "failed": 1, "expired": 4}, {"succeeded": 2, "failed": 1, "expired": 6}),
        ("cancelled", 9, {"succeeded": 2}, {"succeeded": 2, "cancelled": 7}),
        ("cancelled", 9, {"succeeded": 2, "cancelled": 3}, {"succeeded": 2, "cancelled": 7}),
        ("failed", 0, {}, {}),
        ("completed", 0, {"succeeded": 2, "failed": 1}, {"succeeded": 2, "failed": 1}),
    ],
)
def test_every_request_is_accounted_for(make, status, total, rows, expected):
    """Where the batch does not say how many there were, what came is all there is."""
    found = account(make(status, (total, 0, 0)), rows)
    nothing = dict.fromkeys(["succeeded", "failed", "expired", "cancelled", "missing"], 0)
    assert found == nothing | expected
    assert sum(found.values()) == total or not total


KINDS = st.sampled_from(["succeeded", "failed", "expired", "cancelled", "repeated", "unreadable"])


@given(st.sampled_from(["completed", "expired", "cancelled", "failed", "paused"]), st.lists(KINDS), st.integers(0, 40))
def test_the_five_always_add_up_to_the_number_sent(make, status, rows, lost):
    counted = {kind_: rows.count(kind_) for kind_ in set(rows)}
    total = sum(count for kind_, count in counted.items() if kind_ not in {"repeated", "unreadable"}) + lost
    found = account(make(status, (total, 0, 0)), counted)
    assert set(found) == {"succeeded", "failed", "expired", "cancelled", "missing"}
    assert sum(found.values()) == total
