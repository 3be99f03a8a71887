"""Events: what a trigger tells its task survives the journey, and stays small."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_groq.batches.events import MAX_ERRORS, BatchEvent, WaitEnd, with_few_errors

TEXT = st.text(st.characters(codec="utf-8"))
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
    assert with_few_errors(batch).errors == batch.errors[:20]
    assert len(json.dumps(event.payload())) < 8_000


def test_ends_keep_their_order(make):
    ids = ["batch_b", "batch_a", "batch_c"]
    event = BatchEvent(ends=tuple(WaitEnd(batch_id=batch_id, reason="timeout") for batch_id in ids))
    assert [end.batch_id for end in journey(event).ends] == ids
