"""The result files of a batch, joined with the rows of its shard."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jobs.result_lines import MODEL, USAGE, harvested, line, records, refused, said, unfinished

from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.batches import results
from airflow_provider_groq.exceptions import GroqResponseError
from airflow_provider_groq.jobs.records import Answer, InvalidOutput
from airflow_provider_groq.jobs.results import files as module
from airflow_provider_groq.jobs.results.harvest import Harvest


def as_json(text):
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidOutput(f"This is no JSON: {error}") from None


def test_there_is_one_answer_for_each_row_in_their_order():
    output = [said("c", "C", reasoning="Hm."), said("a", "A")]
    errors = [refused("b", 404, "model_not_found", "No such model.")]
    found, answers, written = harvested(["a", "b", "c"], output, errors, round=2)
    assert found == Harvest({"succeeded": 2, "failed": 1}, lines=3, succeeded=2)
    assert answers[0] == {
        "custom_id": "a",
        "index": 0,
        "status": "succeeded",
        "output": "A",
        "error": None,
        "model": MODEL,
        "finish_reason": "stop",
        "usage": USAGE,
        "round": 2,
        "batch_id": "batch_1",
        "request_digest": "0" * 32,
        "input": {"n": 0},
    }
    assert answers[1]["error"] == {"code": "model_not_found", "status": 404, "message": "No such model."}
    assert (answers[1]["output"], answers[1]["input"]) == (None, {"n": 1})
    assert (answers[2]["output"], answers[2]["reasoning"]) == ("C", "Hm.")
    known = [field for field in Answer.__struct_fields__ if field in answers[0]]
    assert list(answers[0]) == known, "the fields stand in the order of the specification"
    assert written.endswith(b"}\n")


def test_what_does_not_belong_here_is_counted_and_never_written():
    output = [said("a"), b"half a li\n", said("x" * 999), said("a", "another"), b"\r\n", b"[1]\n", said("b").rstrip()]
    found, answers, _ = harvested(["a", "b"], output, [said("other"), refused("b")])
    assert found == Harvest({"succeeded": 2}, lines=2, succeeded=2, repeated=2, unknown=2, unreadable=2)
    assert [answer["output"] for answer in answers] == ["Yes.", "Yes."]


@pytest.mark.parametrize("lines", [[refused("a"), said("a")], [said("a"), refused("a")]])
def test_of_repeated_lines_the_one_that_succeeded_counts(lines):
    found, (answer,), _ = harvested(["a"], lines)
    assert (answer["status"], found.repeated) == ("succeeded", 1)
    found, (answer,), _ = harvested(["a"], lines[:1], lines[1:])
    assert (answer["status"], found.repeated) == ("succeeded", 1)


@pytest.mark.parametrize("lines", [[said("a", "1"), said("a", "2")], [refused("a", message="1"), refused("a")]])
def test_of_repeated_lines_that_are_as_good_the_first_counts(lines):
    _, (answer,), _ = harvested(["a"], lines)
    assert (answer["output"] or answer["error"]["message"]) == "1"


@pytest.mark.parametrize("status", ["missing", "expired", "cancelled"])
def test_a_row_without_a_line_has_the_status_that_its_batch_gives(status):
    found, answers, _ = harvested(["a", "b"], [said("b")], status_without_line=status)
    assert found.rows == {status: 1, "succeeded": 1}
    assert (found.without_line, answers[0]["status"], answers[0]["error"]["code"]) == (1, status, status)


def test_of_a_batch_without_files_each_row_has_an_answer():
    found, answers, _ = harvested(["a", "b"])
    assert (found.rows, found.without_line) == ({"missing": 2}, 2)
    assert {answer["batch_id"] for answer in answers} == {"batch_1"}


def test_rows_keep_their_numbers_in_the_job():
    _, answers, _ = harvested(records(["a", "b"], start=5000), [said("b"), said("a")])
    assert [answer["index"] for answer in answers] == [5000, 5001]


def test_a_validated_output_is_the_object():
    found, answers, _ = harvested(["a", "b"], [said("a", '{"n": 1}'), said("b", "{")], validate=as_json)
    assert answers[0]["output"] == {"n": 1}
    assert (answers[1]["status"], answers[1]["output"]) == ("invalid_output", "{")
    assert answers[1]["error"]["code"] == "invalid_output"
    assert "no JSON" in answers[1]["error"]["message"]
    assert (answers[1]["usage"], found.rows, found.succeeded) == (USAGE, {"succeeded": 1, "invalid_output": 1}, 2)


def test_an_answer_without_text_is_invalid_unless_it_calls_tools():
    lines = [said("a", None), said("b", None, tool_calls=[{"id": "call_1"}]), refused("c")]
    _, answers, _ = harvested(["a", "b", "c"], lines, validate=as_json)
    assert [answer["status"] for answer in answers] == ["invalid_output", "succeeded", "failed"]
    assert answers[1]["tool_calls"] == [{"id": "call_1"}]


def test_what_ends_a_line_of_text_is_escaped():
    _, answers, written = harvested(["a"], [said("a", "1\u20282\u20293\x854\r5")])
    assert answers[0]["output"] == "1\u20282\u20293\x854\r5"
    assert len(written.decode().splitlines()) == 1


def test_what_is_nested_too_deeply_does_no_harm():
    """Such as a tool's arguments: what can be read can be written, or is left out."""
    depths = range(50, 1000, 10)
    calls = [b"[" * depth + b"]" * depth for depth in depths]
    lines = [said(str(n), tool_calls="x").replace(b'"x"', text) for n, text in enumerate(calls)]
    found, answers, _ = harvested([str(n) for n in range(len(depths))], lines)
    assert len(answers) == len(depths)
    assert found.unreadable == found.without_line
    assert found.rows["succeeded"] == found.lines > len(depths) // 2


@pytest.mark.parametrize("size", [2001, 4001, 100_000])
def test_a_line_too_long_to_keep_is_unreadable_and_those_after_it_are_found(monkeypatch, size):
    monkeypatch.setattr(module, "MAX_LINE_BYTES", 2000)
    found, answers, _ = harvested(["a", "b"], [said("a"), b"x" * size + b"\n", said("b", "after it")])
    assert (found.unreadable, answers[1]["output"]) == (1, "after it")


def test_there_is_an_end_of_lines(monkeypatch):
    monkeypatch.setattr(module, "MAX_LINES", 5)
    harvested(["a"], [b"x\n"] * 5)
    with pytest.raises(GroqResponseError, match="more than 1,000,000 lines") as caught:
        harvested(["a"], [b"x\n"] * 3, [b"x\n"] * 3)
    assert not caught.value.retryable
    assert module.MAX_LINE_BYTES == results.MAX_LINE_BYTES


def batch(status="completed", total=0, completed=0, failed=0):
    described = {"id": "batch_7", "object": "batch", "endpoint": "/v1/chat/completions", "input_file_id": "file_1"}
    counts = {"total": total, "completed": completed, "failed": failed}
    described |= {"completion_window": "24h", "created_at": 1_700_000_000, "status": status, "request_counts": counts}
    return Batch.model_validate_json(json.dumps(described))


@pytest.mark.parametrize(
    ("lines", "ended", "complete"),
    [
        ([said("a"), refused("b"), said("c")], batch(total=3, completed=2, failed=1), True),
        ([said("a"), refused("b"), said("c")], batch(total=3, completed=3), True),
        ([said("a"), refused("b")], batch(total=3, completed=1, failed=1), True),
        ([said("a"), refused("b")], batch(total=3, completed=2, failed=1), False),
        ([said("a"), refused("b")], batch(total=3, completed=1, failed=2), False),
        ([said("a"), refused("b")], batch(total=3, completed=2, failed=0), False),
        ([said("a"), said("b"), b"half\n"], batch(total=3, completed=3), False),
        ([said("a"), said("b"), said("other")], batch(total=3, completed=3), False),
        ([said("a"), said("a"), said("b")], batch(total=3, completed=3), False),
        ([], batch(total=3, completed=1), False),
        ([], batch(total=3), True),
        ([b"half\n"], batch(total=3), False),
        ([said("a")], batch("expired", 3, 1), True),
        ([said("a")], batch("expired", 3, 1, 2), True),
        ([said("a")], batch("expired", 3, 2), False),
        ([said("a"), unfinished("b")], batch("expired", 3, 2), False),
        ([said("a")], batch("cancelled", 3, 1), True),
        ([said("a")], batch("cancelled", 3, 2), False),
        ([], batch("cancelled", 3), True),
        ([said("a")], batch(), True),
        ([said("a"), b"half\n"], batch(), False),
        ([], batch(), False),
    ],
)
def test_rows_are_missing_only_where_the_lines_agree_with_the_batchs_counts(lines, ended, complete):
    """What the batch promises and the files lack may be paid: it must not be sent again."""
    found, _, _ = harvested(["a", "b", "c"], lines)
    assert found.is_complete(ended) is complete
    if complete:
        found.check(ended)
    else:
        with pytest.raises(GroqResponseError, match="batch_7.*Retry the task") as caught:
            found.check(ended)
        assert caught.value.retryable


IDS = ["a", "b", "c", "d" * 70, "é", "", "f"]
KINDS = st.sampled_from([said, refused, unfinished, lambda custom_id: line(custom_id, body={"text": "x"})])
LINES = st.tuples(KINDS, st.sampled_from([*IDS, "foreign", "g" * 70])).map(lambda pair: pair[0](pair[1]))
ODD = st.sampled_from([b"\n", b"half\n", b'{"custom_id": 5}\n', b"  \r\n"])


FILES = st.lists(st.lists(LINES | ODD, max_size=12), max_size=3)


@given(FILES, st.lists(st.sampled_from(IDS), unique=True), st.integers(0, 7), st.sampled_from([300, 1 << 16]))
def test_every_row_has_one_answer_whatever_lines_come(files, ids, in_order, block_bytes):
    """In any order, or after some that come in the order of the rows."""
    files = [[*map(said, ids[:in_order]), *(files[0] if files else [])], *files[1:]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK_BYTES", block_bytes)
        check_answers(files, ids)


def check_answers(files, ids):
    found, answers, written = harvested(ids, *files)
    assert [answer["custom_id"] for answer in answers] == ids
    assert found.rows.total() == len(ids) == found.lines + found.without_line
    lines = [json.loads(text) for text in b"".join(map(b"".join, files)).split(b"\n") if text.startswith(b'{"id"')]
    assert found.lines + found.repeated + found.unknown == len(lines)
    assert found.unreadable == sum(part.strip() in {b"half", b'{"custom_id": 5}'} for file in files for part in file)
    good = {row["custom_id"] for row in lines if row["response"] and row["response"]["status_code"] == 200}
    assert {answer["custom_id"] for answer in answers if answer["status"] == "succeeded"} == good & set(ids)
    assert written == harvested(ids, *files)[2]
