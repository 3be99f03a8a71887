"""What became of a request, by the rules of Groq's result files; and what is sent again."""

import json
from unittest import mock

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jobs.result_lines import MODEL, USAGE, line, refused, said, unfinished

from airflow_provider_groq.batches.json_lines import Reader
from airflow_provider_groq.jobs.records import Error
from airflow_provider_groq.jobs.results.outcomes import Outcome, is_cut_off, is_sent_again, outcome_of, successes_of

USED, COMPACT = msgspec.Raw(json.dumps(USAGE).encode()), msgspec.Raw(msgspec.json.encode(USAGE))

CALLS = [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (said("a"), Outcome("succeeded", "Yes.", None, MODEL, "stop", USED)),
        (said("a", "", usage=None), Outcome("succeeded", "", None, MODEL, "stop")),
        (
            said("a", None, finish_reason="tool_calls", tool_calls=CALLS),
            Outcome("succeeded", None, None, MODEL, "tool_calls", USED, None, CALLS),
        ),
        (said("a", reasoning="Hm."), Outcome("succeeded", "Yes.", None, MODEL, "stop", USED, "Hm.")),
        (said("a", finish_reason="length"), Outcome("succeeded", "Yes.", None, MODEL, "length", USED)),
        (said("a", "broken \ud83d"), Outcome("succeeded", "broken \ufffd", None, MODEL, "stop", COMPACT)),
        (said("a", ["parts"], model=5, usage=[1]), Outcome("succeeded", None, None, None, "stop")),
        (line("a", body={"text": "Spoken.", "x_groq": {"id": "req"}}), Outcome("succeeded", "Spoken.")),
        (line("a", body={"text": ""}), Outcome("succeeded", "")),
        (line("a", body="Spoken, as plain text."), Outcome("succeeded", "Spoken, as plain text.")),
        (line("a", body={"choices": []}), Outcome("succeeded")),
        (line("a", body={"choices": None, "text": None}), Outcome("succeeded")),
        (line("a", body={}), Outcome("failed", None, Error(None, 200, None))),
        (line("a", body=None), Outcome("failed", None, Error(None, 200, None))),
        (
            line("a", 200, {"text": "x"}, {"code": "c", "message": "m"}),
            Outcome("failed", None, Error("c", 200, "m")),
        ),
        (
            refused("a", 404, "model_not_found", "No such."),
            Outcome("failed", None, Error("model_not_found", 404, "No such.")),
        ),
        (line("a", 400, {"text": "x"}), Outcome("failed", None, Error(None, 400, "text: x"))),
        (line("a", 500, None), Outcome("failed", None, Error(None, 500, None))),
        (line("a", None, error={"code": "c", "message": "m"}), Outcome("failed", None, Error("c", None, "m"))),
        (unfinished("a"), Outcome("expired", None, Error("batch_expired", None, "The window closed."))),
        (
            unfinished("a", "batch_cancelled"),
            Outcome("cancelled", None, Error("batch_cancelled", None, "The window closed.")),
        ),
        (b'{"custom_id": "a"}', Outcome("failed", None, Error(None, None, None))),
    ],
)
def test_what_became_of_a_request(text, expected):
    assert outcome_of(text) == expected


@pytest.mark.parametrize("usage", [b'{"prompt_tokens": 5 }', b'{"prompt_tokens":\r5}', b"{}"])
def test_a_usage_is_as_groq_wrote_it_but_on_one_line(usage):
    text = said("a", usage="USAGE").replace(b'"USAGE"', usage)
    (in_block,) = getattr(successes_of(text), "outcomes", [None])
    alone = outcome_of(text).usage
    assert json.loads(bytes(alone)) == json.loads(usage)
    assert b"\r" not in bytes(alone)
    assert in_block is None if b"\r" in usage else in_block.usage == alone == msgspec.Raw(usage)


@pytest.mark.parametrize("text", [b"", b"no JSON", b"[1]", b"{}", b'{"custom_id": 5}', b"\xff", b"[" * 5000])
def test_what_is_no_answer_is_none(text):
    assert outcome_of(text) is None


def test_a_long_message_is_cut():
    assert len(outcome_of(refused("a", message="x" * 9000)).error.message) == 2000


VALUES = st.recursive(
    st.sampled_from([None, True, 0, 1, 2**70, 1.5, 1e999, "", "x", "\ud800", "\0", "\u2028", 200, 200.0]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)
MESSAGES = st.fixed_dictionaries(
    {"content": st.just("Yes.") | VALUES}, optional={"reasoning": VALUES, "tool_calls": VALUES}
)
CHOICES = st.lists(
    st.fixed_dictionaries({"message": MESSAGES | VALUES}, optional={"finish_reason": VALUES}), max_size=2
)
BODIES = st.fixed_dictionaries({}, optional={"choices": CHOICES, "text": VALUES, "model": VALUES, "usage": VALUES})
ROWS = st.fixed_dictionaries(
    {
        "custom_id": st.just("a") | VALUES,
        "response": st.fixed_dictionaries({"status_code": st.just(200) | VALUES, "body": BODIES | VALUES}) | VALUES,
    },
    optional={"error": st.none() | VALUES | st.fixed_dictionaries({"code": VALUES, "message": VALUES})},
)


@given(ROWS.map(json.dumps).map(str.encode))
def test_reading_fast_changes_nothing_and_whatever_is_read_can_be_written(text):
    """The json module alone gives the same, whatever stands in the line."""
    found = outcome_of(text)
    with mock.patch.object(Reader, "read", return_value=None):
        alone = outcome_of(text)
    as_written = [outcome and json.loads(msgspec.json.encode(outcome)) for outcome in (found, alone)]
    assert repr(as_written[0]) == repr(as_written[1])  # NaN is not equal to itself


def test_answers_are_read_fast():
    with mock.patch.object(json, "loads", side_effect=AssertionError):
        assert outcome_of(said("a", "שלום", reasoning="Hm.", tool_calls=CALLS)).output == "שלום"
        assert outcome_of(line("a", body={"text": "x"})).output == "x"


def failed(status=None, code=None):
    return Outcome("failed", error=Error(code, status, "No."))


@pytest.mark.parametrize(
    ("outcome", "again"),
    [
        *[(failed(status), True) for status in (408, 409, 429, 498, 500, 502, 503, 599)],
        *[(failed(status), False) for status in (200, 400, 401, 403, 404, 413, 422)],
        *[(failed(None, code), True) for code in ("server_error", "capacity_exceeded", "503", "429")],
        *[(failed(None, code), False) for code in (None, "x", "404", "batch_of_nonsense", "²")],
        (failed(400, "json_validate_failed"), True),
        (failed(400, "rate_limit_exceeded"), True),
        (failed(404, "model_not_found"), False),
        (Outcome("invalid_output", "{", Error("invalid_output", None, "No.")), True),
        (Outcome("expired", error=Error("batch_expired", None, "No.")), True),
        (Outcome("missing"), True),
        (Outcome("cancelled", error=Error("batch_cancelled", None, "No.")), False),
        (Outcome("succeeded", "Yes.", finish_reason="stop"), False),
    ],
)
def test_what_is_sent_again(outcome, again):
    """The same whether or not the next round changes the request."""
    assert is_sent_again(outcome, changed=False) is again
    assert is_sent_again(outcome, changed=True) is again


@pytest.mark.parametrize("status", ["succeeded", "invalid_output"])
def test_an_answer_that_was_cut_off_is_sent_again_only_as_another_request(status):
    answer = Outcome(status, '{"a', finish_reason="length")
    assert is_cut_off(answer)
    assert not is_sent_again(answer, changed=False)
    assert is_sent_again(answer, changed=True)


def test_the_emulators_failures_are_understood():
    """Each that it knows, in both shapes: beside the response, and within its body."""
    from airflow_provider_groq.emulator.failures import FAILURES

    for failure in FAILURES:
        body = failure.body(MODEL, "half an answ")
        text = line("a", failure.status, body) if failure.status else line("a", None, error=body["error"])
        error = outcome_of(text).error
        assert (error.code, error.status or 0) == (failure.code, failure.status)
        assert error.message == body["error"]["message"]
