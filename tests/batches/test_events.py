"""Events: what a trigger tells its task survives the journey, and stays small."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.batches.events import MAX_ERRORS, BatchEvent, BriefEnd, BriefEvent, WaitEnd, shortened
from airflow_provider_groq.exceptions import GroqInputError

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "output_file_id": st.sampled_from(["", "file_out", None]),
        "metadata": st.none() | st.dictionaries(TEXT, TEXT, max_size=3),
        "errors": st.none()
        | st.lists(st.fixed_dictionaries({"message": TEXT, "line": st.integers(0, 2**62)}), max_size=3),
        "completed_at": st.none() | st.integers(0, 2**62),
        "from_the_future": st.recursive(st.none() | st.booleans() | st.integers() | TEXT, st.lists, max_leaves=4),
    },
)


def journey(event):
    """The event as the task reads it: JSON all the way."""
    return BatchEvent.read(json.loads(json.dumps(event.payload(), allow_nan=False)))


@given(st.lists(FIELDS, max_size=3), st.sampled_from(["terminal", "timeout", "unknown"]), TEXT)
def test_an_event_arrives_as_it_was_sent(make, batches, reason, message):
    ends = tuple(
        WaitEnd(
            batch_id=f"batch_{number}", reason=reason, batch=make("completed", (3, 2, 1), **fields), message=message
        )
        for number, fields in enumerate(batches)
    )
    event = BatchEvent(ends=(*ends, WaitEnd(batch_id="batch_x", reason=reason, message=message)))
    assert journey(event) == event


def test_an_event_holds_only_what_a_batch_has(make):
    end = WaitEnd(batch_id="batch_1", reason="terminal", batch=make("completed", output_file_id="file_out"))
    (payload,) = BatchEvent(ends=(end,)).payload()["ends"]
    assert set(payload) == {"batch_id", "reason", "batch"}
    assert payload["batch"]["output_file_id"] == "file_out"
    assert not {"error_file_id", "errors", "metadata", "failed_at"} & set(payload["batch"])
    assert None not in payload["batch"].values()


@pytest.mark.parametrize(("given_", "kept"), [(0, 0), (1, 1), (20, 20), (21, 20), (50_000, 20)])
def test_the_first_20_errors_travel(make, given_, kept):
    """A rejected file can have an error a line."""
    errors = [{"code": "invalid_json_line", "line": number, "message": "x" * 200} for number in range(given_)]
    batch = make("failed", errors=errors)
    event = BatchEvent(ends=(WaitEnd(batch_id=batch.id, reason="terminal", batch=batch),))
    (end,) = journey(event).ends
    assert MAX_ERRORS == 20
    assert [error.line for error in end.batch.errors] == list(range(kept))
    assert shortened(batch).errors == batch.errors[:20]
    assert len(json.dumps(event.payload())) < 8_000


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
ODD_NUMBERS = st.sampled_from([2**64, -(2**64), 10**4000, float("nan"), float("inf"), "a\0b", {"a\0": [10**30]}])
ANY_FIELDS = st.fixed_dictionaries({}, optional=dict.fromkeys(Batch.model_fields, JSON | ODD_NUMBERS)) | (
    st.dictionaries(st.text(min_size=1) | st.just("_fields_set"), JSON | ODD_NUMBERS, max_size=3)
)


@given(ANY_FIELDS)
def test_a_batch_of_any_fields_goes_through_airflows_messages_and_its_database(fields):
    """Messages are MessagePack, whose numbers have 64 bits; PostgreSQL's JSON has neither NaN nor NUL."""
    batch = Batch.model_validate_json(json.dumps(fields | {"id": "batch_1", "status": "completed"}))
    event = BatchEvent(ends=(WaitEnd(batch_id=batch.id, reason="terminal", batch=batch),))
    payload = event.payload()
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(payload)) == payload
    backslash = chr(92)
    assert f"{backslash}u0000" not in json.dumps(payload, allow_nan=False).replace(2 * backslash, "")
    (end,) = journey(event).ends
    assert end.batch == shortened(batch)
    assert json.dumps(shortened(batch).model_dump(mode="json"), allow_nan=False)


HUGE = "x" * 1_000_000


@pytest.mark.parametrize(
    "fields",
    [
        {"unknown": HUGE},
        {"unknown": [HUGE]},
        {"request_counts": {"total": 1, "unknown": HUGE}},
        {f"unknown_{number}": "x" * 1000 for number in range(1000)},
        {HUGE: 1},
        {"metadata": {"a": HUGE}},
        {"metadata": {str(number): "x" * 512 for number in range(2000)}},
        {"endpoint": HUGE},
        {"completion_window": HUGE},
        {"errors": [{"code": HUGE, "message": HUGE, "param": HUGE, "unknown": HUGE}] * 5},
        {"errors": HUGE},
    ],
    ids=[
        "text",
        "list",
        "counts",
        "many",
        "name",
        "metadata",
        "many pairs",
        "endpoint",
        "window",
        "errors",
        "errors as text",
    ],
)
def test_no_field_makes_an_event_large(make, fields):
    batch = make("failed", **fields)
    event = BatchEvent(ends=(WaitEnd(batch_id=batch.id, reason="terminal", batch=batch),))
    assert len(json.dumps(event.payload())) < 25_000
    assert journey(event).ends[0].batch.status == "failed"


def test_unknown_fields_and_metadata_of_the_usual_size_travel(make):
    metadata = {f"{number:064d}": "x" * 512 for number in range(16)}
    unknown = {"project_id": "project_1", "usage": {"tokens": 5}, "model": None}
    batch = make("completed", metadata=metadata, **unknown)
    event = BatchEvent(ends=(WaitEnd(batch_id=batch.id, reason="terminal", batch=batch),))
    (end,) = journey(event).ends
    assert (end.batch.metadata, end.batch.model_extra["usage"]) == (metadata, {"tokens": 5})
    assert end.batch.model_extra == batch.model_extra


def test_ends_keep_their_order(make):
    ids = ["batch_b", "batch_a", "batch_c"]
    event = BatchEvent(ends=tuple(WaitEnd(batch_id=batch_id, reason="timeout") for batch_id in ids))
    assert [end.batch_id for end in journey(event).ends] == ids


def brief_journey(event):
    return BriefEvent.read(json.loads(json.dumps(event.payload(), allow_nan=False)))


def test_a_brief_event_has_the_ids_of_those_that_ended_alike(make):
    def end(number, reason, status=None, **more):
        batch_ = make(status, (3, 2, 1)) if status else None
        return WaitEnd(batch_id=f"batch_{number}", reason=reason, batch=batch_, **more)

    event = BriefEvent.of(
        [
            end(1, "terminal", "completed"),
            end(2, "timeout", message="Batch batch_2 had not ended."),
            end(3, "terminal", "completed"),
            end(4, "terminal", "failed"),
            end(5, "timeout", message="Batch batch_5 had not ended."),
        ]
    )
    assert brief_journey(event) == event
    assert event.brief == (
        BriefEnd(reason="terminal", status="completed", batch_ids=("batch_1", "batch_3")),
        BriefEnd(reason="timeout", message="Batch batch_2 had not ended.", batch_ids=("batch_2", "batch_5")),
        BriefEnd(reason="terminal", status="failed", batch_ids=("batch_4",)),
    )


@pytest.mark.parametrize("reason", ["terminal", "timeout", "unknown"])
def test_a_brief_event_of_a_thousand_batches_stays_below_what_airflow_takes_easily(make, reason):
    errors = [{"code": "x", "message": "m" * 2000, "line": n} for n in range(100)]
    batches = [make(status, (1, 1, 1), errors=errors) for status in ("completed", "failed", "expired")]
    ends = [
        WaitEnd(
            batch_id=f"batch_01jh6xa7reempvjyh6n3{number:06}",
            reason=reason,
            batch=batches[number % 3],
            message="m" * 2000,
        )
        for number in range(1000)
    ]
    assert len(json.dumps(BriefEvent.of(ends).payload())) < 100_000


@pytest.mark.parametrize("payload", [{}, {"ends": []}, {"brief": [{"reason": "other", "batch_ids": []}]}], ids=str)
def test_what_is_no_brief_event_is_refused(payload):
    with pytest.raises(GroqInputError, match="The event that ended the wait cannot be read"):
        BriefEvent.read(payload)
