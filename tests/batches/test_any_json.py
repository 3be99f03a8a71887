"""Whatever stands in a batch, in its files, in an event or in requests: a value, or an error of this package."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from airflow_provider_groq.api import calls
from airflow_provider_groq.api.models import Batch, File
from airflow_provider_groq.batches import results, tokens
from airflow_provider_groq.batches.events import BatchEvent, WaitEnd
from airflow_provider_groq.batches.identity import may_be_taken_up, oldest
from airflow_provider_groq.batches.options import check_options
from airflow_provider_groq.batches.outcome import batch_problem, describe, warning
from airflow_provider_groq.batches.polling import Poller
from airflow_provider_groq.batches.requests import copy_checked, encode
from airflow_provider_groq.batches.result_line import read_row
from airflow_provider_groq.batches.results import Tally, account
from airflow_provider_groq.exceptions import GroqInputError, GroqResponseError

DEPTHS = st.sampled_from([1, 100, 200, 300, 900, 950, 990, 1000, 1100, 5000, 100_000])
NUMBERS = st.integers() | st.sampled_from([10**18, 2**63 - 1, 2**63, 10**308, 10**4299]) | st.floats()
SCALARS = st.none() | st.booleans() | NUMBERS | st.text()
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
DEEP = st.builds(
    lambda depth, item: json.loads(item * min(depth, 150) + "1" + "]" * min(depth, 150)), DEPTHS, st.just("[")
)


def fields(cls, **known):
    """Objects with the fields of a model, and anything in them."""
    anything = {name: known.get(name, JSON) | JSON for name in cls.model_fields}
    return st.fixed_dictionaries({}, optional=anything)


COUNTS = st.fixed_dictionaries({}, optional=dict.fromkeys(["total", "completed", "failed"], NUMBERS | st.none()))
ERRORS = st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(["message", "code", "line"], JSON)), max_size=3)
STATUSES = st.sampled_from(["completed", "failed", "expired", "cancelled", "in_progress", "paused", "\n", "x" * 300])
BATCHES = fields(Batch, request_counts=COUNTS, errors=ERRORS, status=STATUSES).map(
    lambda made: {"id": "b", "status": "failed", "created_at": 1} | made
)


@given(BATCHES)
def test_any_batch_that_can_be_read_can_be_talked_of(described):
    """With numbers that can be calculated with, and in lines that can be logged."""
    try:
        batch = Batch.model_validate_json(json.dumps(described))
    except ValidationError as error:
        assert {each["loc"][0] for each in error.errors()} <= {"id", "status"}  # noqa: PT017 - either is right
        return
    said = [describe(batch), str(batch_problem(batch)), warning(batch)]
    poller = Poller(batch.id, poll_interval=1.0, end_time=100.0, now=0.0)
    said += [poller.on_batch(batch, now).news for now in (0.0, 1.0, 200.0)]
    assert "\n" not in "".join(said)
    assert json.loads(json.dumps(batch.model_dump(mode="json"), allow_nan=True))


@given(
    st.dictionaries(st.sampled_from(sorted(Batch.model_fields)) | st.text(), JSON | DEEP, max_size=8),
    st.sampled_from(["completed", "failed", "in_progress"]),
)
def test_any_json_in_any_field_but_id_and_status_is_a_batch(described, status):
    body = json.dumps(described | {"id": "b", "status": status}).encode()
    batch = calls.get_batch("b").answer(body)
    assert (batch.id, batch.status) == ("b", status)
    (listed,) = calls.list_batches().answer(b'{"data": [' + body + b"]}").data
    looked = calls.poll_batches(["b"]).answer(b'{"data": [' + body + b"]}").batch("b")
    assert repr(batch) == repr(listed) == repr(looked)
    assert Batch.model_validate_json(batch.model_dump_json()).id == "b"
    may_be_taken_up(batch, 0.0)
    assert oldest([batch, Batch(id="a", status=status)]) is not None


@given(st.dictionaries(st.sampled_from(sorted(File.model_fields)) | st.text(), JSON | DEEP, max_size=8))
def test_any_json_in_any_field_but_the_id_is_a_file_and_a_model(described):
    body = json.dumps(described | {"id": "f"}).encode()
    file = calls.get_file("f").answer(body)
    assert (file.id, type(file.bytes), type(file.filename)) == ("f", int, str)
    for call in (calls.list_files(), calls.list_models()):
        (listed,) = call.answer(b'{"data": [' + body + b"]}").data
        assert listed.id == "f"


@given(JSON | st.fixed_dictionaries({"ends": st.lists(fields(WaitEnd, batch=BATCHES) | JSON, max_size=3)}))
def test_any_json_is_an_event_or_refused(payload):
    try:
        event = BatchEvent.read(payload)
    except GroqInputError as error:
        assert "cannot be read" in str(error)  # noqa: PT017 - either is right
        assert not error.retryable  # noqa: PT017 - likewise
    else:
        assert isinstance(event, BatchEvent)


USAGES = st.dictionaries(st.text().map(lambda name: f"{name}_tokens") | st.text(), NUMBERS | JSON, max_size=4)
BODIES = st.fixed_dictionaries({}, optional={"usage": USAGES | JSON, "model": st.text() | JSON}) | JSON
ROWS = st.fixed_dictionaries(
    {},
    optional={
        "custom_id": st.text() | JSON,
        "response": st.fixed_dictionaries({}, optional={"status_code": NUMBERS | JSON, "body": BODIES}) | JSON,
        "error": st.fixed_dictionaries({}, optional={"code": JSON}) | JSON,
    },
)
DEEP_ROWS = st.builds(
    lambda depth, end, where: b'{"custom_id": "r", ' + where + b": " + b'[{"a":' * depth + end * depth,
    DEPTHS,
    st.sampled_from([b"", b"}]", b"1}]"]),
    st.sampled_from([b'"error"', b'"response"', b'"custom_id"', b'"response": {"status_code": 200, "body"']),
)


@given(st.lists(ROWS.map(json.dumps).map(str.encode) | DEEP_ROWS | st.binary(), max_size=4), st.integers(1, 1000))
def test_any_bytes_are_counted_and_the_count_is_small_json(parts, step):
    content = b"\n".join(parts)
    tally = Tally()
    for start in range(0, len(content), step if len(content) < 10_000 else 100_000):
        tally.feed(content[start : start + (step if len(content) < 10_000 else 100_000)])
    tally.end()
    batch = Batch(id="b", status="completed", created_at=1)
    manifest = json.dumps([account(batch, tally.rows), tally.rows, tally.tokens])
    assert len(manifest) < 20_000
    for line in content.split(b"\n"):
        assert read_row(line) is None or isinstance(read_row(line), dict)


def answer(custom_id, model, usage):
    body = {"model": model, "usage": usage}
    return json.dumps({"custom_id": custom_id, "response": {"status_code": 200, "body": body}}).encode() + b"\n"


def test_the_tokens_of_very_many_models_are_summed_together():
    tally = Tally()
    for number in range(1000):
        tally.feed(answer(f"r{number}", f"{'m' * 1000}{number % 2}", {"total_tokens": 1}))
        tally.feed(answer(f"s{number}", f"model-{number}", {"total_tokens": 1, f"{number}_tokens": 1}))
    assert len(tally.tokens) == tokens.MAX_MODELS + 1
    assert sum(sums["total_tokens"] for sums in tally.tokens.values()) == 2000
    assert max(map(len, tally.tokens)) <= tokens.MAX_NAME_CHARS
    assert max(map(len, tally.tokens.values())) <= tokens.MAX_KINDS_OF_TOKENS


@pytest.mark.parametrize("number", [-1, 2**53 + 1, 10**4000, True, 1.5, "1", None, [1]])
def test_what_is_no_number_of_tokens_is_not_summed(number):
    tally = Tally()
    tally.feed(answer("r1", "m", {"total_tokens": number, "prompt_tokens": 5, "x" * 200 + "_tokens": 5}))
    assert tally.tokens == {"m": {"prompt_tokens": 5}}


def test_more_lines_than_any_batch_has_end_the_counting_for_good(monkeypatch):
    """And no retry of the client's begins it anew."""
    monkeypatch.setattr(results, "MAX_LINES", 10)
    tally = Tally()
    tally.feed(b"x\n" * 10 + b"\n" * 10)
    with pytest.raises(GroqResponseError, match="more than 10 lines, more than any batch has") as caught:
        tally.feed(b"x\n")
    assert not caught.value.retryable


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["custom_id", "method", "url", "body", "x"]), JSON | st.just({"model": "m"}))
        | JSON
        | DEEP
        | st.sampled_from([{"a": {1}}, {"a": b"x"}, {"a": 10**5000}, {("a",): 1}, {"a": object}]),
        max_size=4,
    )
    | JSON
)
def test_any_requests_are_written_or_refused(requests):
    target = io.BytesIO()
    try:
        copy_checked(encode(requests, endpoint="/v1/chat/completions"), target, max_bytes=10**6)
    except GroqInputError:
        return
    for line in target.getvalue().splitlines():
        assert json.loads(line)["custom_id"]


def nested(depth):
    deep = []
    for _ in range(depth):
        deep = [deep]
    return deep


@given(DEPTHS)
def test_a_request_of_any_depth_is_written_or_refused(depth):
    deep = nested(depth)
    for requests in (deep, [deep], [{"custom_id": deep, "body": {"model": "m"}}], [{"custom_id": "a", "body": deep}]):
        with pytest.raises(GroqInputError):
            copy_checked(encode(requests, endpoint="/v1/chat/completions"), io.BytesIO(), max_bytes=10**7)


@given(
    st.text() | JSON | DEPTHS.map(nested),
    st.text() | JSON | DEPTHS.map(nested),
    st.dictionaries(st.text(), st.text() | JSON | DEPTHS.map(nested)) | JSON | DEPTHS.map(nested),
)
def test_odd_options_are_refused(endpoint, window, metadata):
    good = {"endpoint": "/v1/chat/completions", "completion_window": "24h", "metadata": None}
    with pytest.raises(GroqInputError):
        check_options(**good | {"endpoint": endpoint})
    with pytest.raises(GroqInputError):
        check_options(**good | {"completion_window": window})
    try:
        check_options(**good | {"metadata": metadata})
    except GroqInputError:
        return
    assert all(isinstance(text, str) for text in (metadata or {}).values())
