"""Rows become requests: what each kind of row asks, what is carried, and what is refused by its number."""

import json
import sqlite3
import tracemalloc
from collections import namedtuple
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jobs.row_requests import (
    ANSWER,
    MODEL,
    OTHER,
    PLAIN,
    SPEECH,
    SYSTEM,
    TRANSLATION,
    USER,
    WHOLE,
    body,
    carried,
    made,
    only,
    refusal,
)

from airflow_provider_groq.jobs.requests import unique_ids
from airflow_provider_groq.jobs.requests.form import CHAT, RequestForm
from airflow_provider_groq.jobs.requests.rows import requests


def test_a_text_asks_itself_under_the_number_of_its_row():
    first, second = made(["Hi", "Ho"])
    assert json.loads(first.line) == {
        "custom_id": "row-0",
        "method": "POST",
        "url": CHAT,
        "body": {"model": MODEL, "messages": USER},
    }
    assert (first.custom_id, second.custom_id) == ("row-0", "row-1")
    assert (first.model, first.input) == (MODEL, None)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"prompt": "Hi"}, {"model": MODEL, "messages": USER}),
        ({"prompt": "Hi", "system_prompt": "Be brief."}, {"model": MODEL, "messages": [SYSTEM, *USER]}),
        ({"prompt": "Hi", "system_prompt": None, "endpoint": None, "request": None, "messages": None}, None),
        ({"messages": USER}, {"model": MODEL, "messages": USER}),
        ({"messages": [SYSTEM, *USER]}, {"model": MODEL, "messages": [SYSTEM, *USER]}),
        ({"body": {"messages": USER, "top_p": 1}}, {"model": MODEL, "messages": USER, "top_p": 1}),
        ({"body": {"messages": USER, "model": OTHER}}, {"model": OTHER, "messages": USER}),
        ({"body": {"messages": USER, "stream": False}}, {"model": MODEL, "messages": USER, "stream": False}),
        ({"prompt": "Hi", "request": {"model": OTHER, "seed": 1}}, {"model": OTHER, "messages": USER, "seed": 1}),
        (WHOLE, WHOLE["body"]),
    ],
)
def test_what_a_row_says_is_asked(row, expected):
    assert body(row) == (expected or {"model": MODEL, "messages": USER})


def test_what_a_row_says_holds_over_what_the_operator_says():
    form = RequestForm(MODEL, system_prompt="Be brief.", params={"temperature": 0, "seed": 1})
    assert body("Hi", form) == {"model": MODEL, "messages": [SYSTEM, *USER], "temperature": 0, "seed": 1}
    row = {"prompt": "Hi", "system_prompt": "Rhyme.", "request": {"seed": 2, "model": OTHER}}
    assert body(row, form) == {
        "model": OTHER,
        "messages": [{"role": "system", "content": "Rhyme."}, *USER],
        "temperature": 0,
        "seed": 2,
    }
    own = {"messages": [{"role": "developer", "content": "Rhyme."}, *USER]}
    assert body(own, form)["messages"] == own["messages"]
    assert body({"body": {"messages": USER, "seed": 3}}, form)["messages"] == [SYSTEM, *USER]
    assert body({"body": {"messages": USER, "seed": 3}}, form)["seed"] == 3
    assert body(WHOLE, form) == WHOLE["body"]


def test_the_form_of_answers_is_asked_for_unless_the_row_says_its_own_and_strictly_only_of_models_that_can():
    form = RequestForm(MODEL, response_format=ANSWER)
    assert body("Hi", form)["response_format"] == ANSWER
    other = body({"prompt": "Hi", "request": {"model": OTHER}}, form)["response_format"]
    assert other == {**ANSWER, "json_schema": {**ANSWER["json_schema"], "strict": False}}
    own = {"type": "json_object"}
    assert body({"prompt": "Hi", "request": {"response_format": own}}, form)["response_format"] == own
    assert "response_format" not in body(WHOLE, form)


@pytest.mark.parametrize("endpoint", [SPEECH, TRANSLATION])
def test_audio_is_asked_by_its_url(endpoint):
    expected = {"url": "https://x/a.mp3", "model": "whisper-large-v3", "language": "de"}
    by_form = RequestForm("whisper-large-v3", endpoint=endpoint, params={"language": "de"})
    assert only({"audio_url": "https://x/a.mp3"}, by_form) == {
        "custom_id": "row-0",
        "method": "POST",
        "url": endpoint,
        "body": expected,
    }
    by_row = {"audio_url": "https://x/a.mp3", "endpoint": endpoint, "request": {"model": "whisper-large-v3"}}
    assert only(by_row, RequestForm(MODEL, params={"language": "de"})) == only(
        {"audio_url": "https://x/a.mp3"}, by_form
    )
    assert body({"body": {"url": "https://x/a.mp3"}}, by_form) == expected
    assert only({"prompt": "Hi", "endpoint": CHAT}, by_form)["url"] == CHAT


ROW = namedtuple("ROW", ["id", "text"])  # noqa: PYI024


def sql_row():
    with sqlite3.connect(":memory:") as database:
        database.row_factory = sqlite3.Row
        row = database.execute("SELECT 7 AS id, 'fine' AS text").fetchone()
    database.close()
    return row


@pytest.mark.parametrize(
    "row",
    [
        {"id": 7, "text": "fine"},
        MappingProxyType({"id": 7, "text": "fine"}),
        (7, "fine"),
        [7, "fine"],
        ROW(7, "fine"),
        sql_row(),
    ],
    ids=lambda row: type(row).__name__,
)
def test_a_template_is_filled_from_any_kind_of_row(row):
    form = RequestForm(MODEL, prompt_template="Is {text} good?", columns=["id", "text"], id_column="id")
    (request,) = made([row], form)
    assert request.custom_id == "7"
    assert json.loads(request.line)["body"]["messages"][0]["content"] == "Is fine good?"
    assert json.loads(request.input) == {"text": "fine"}


def test_named_tuples_need_no_columns_and_text_fills_text():
    form = RequestForm(MODEL, prompt_template="Is {text} good?")
    assert carried(ROW(7, "fine"), form) == {"id": 7, "text": "fine"}
    assert body("fine", form)["messages"][0]["content"] == "Is fine good?"
    assert carried("fine", form) == {"text": "fine"}


def test_the_id_may_be_part_of_the_prompt():
    form = RequestForm(MODEL, prompt_template="{id}: {text}", id_column="id")
    (request,) = made([{"id": 7, "text": "x"}], form)
    assert request.custom_id == "7"
    assert json.loads(request.line)["body"]["messages"][0]["content"] == "7: x"
    assert json.loads(request.input) == {"text": "x"}


def test_with_a_template_only_the_id_means_something():
    """The columns of a log of requests are what other rows ask by."""
    row = {**WHOLE, "prompt": "p", "endpoint": 5, "request": None}
    form = RequestForm(MODEL, prompt_template="{method} {prompt}")
    assert body(row, form) == {"model": MODEL, "messages": [{"role": "user", "content": "POST p"}]}
    assert carried(row, form) == {key: value for key, value in row.items() if key != "custom_id"}


def test_braces_in_a_row_stay_as_they_are():
    text = "{{ ds }} {% raw %} {text} {0}"
    assert body({"prompt": text})["messages"][0]["content"] == text
    assert body({"text": text}, RequestForm(MODEL, prompt_template='{{"a": {text}}}'))["messages"][0]["content"] == (
        '{"a": ' + text + "}"
    )


def test_other_columns_are_carried_as_json_has_them():
    class Color(StrEnum):
        RED = "red"

    uuid = UUID("12345678123456781234567812345678")
    row = {
        "prompt": "Hi",
        "day": date(2026, 1, 2),
        "at": datetime(2026, 1, 2, 3, tzinfo=UTC),
        "price": Decimal("1.10"),
        "key": uuid,
        "color": Color.RED,
        "nested": {"list": (1, 2.5, None, True), "price": Decimal(2)},
        "big": 2**70,
        "none": None,
    }
    assert carried(row) == {
        "day": "2026-01-02",
        "at": "2026-01-02T03:00:00+00:00",
        "price": "1.10",
        "key": str(uuid),
        "color": "red",
        "nested": {"list": [1, 2.5, None, True], "price": "2"},
        "big": 2**70,
        "none": None,
    }
    assert carried({**WHOLE, "label": "x"}) == {"label": "x"}


def test_equal_requests_have_equal_digests_whatever_their_ids():
    one, two, other = made([{"custom_id": "a", "prompt": "Hi", "x": 1}, {"prompt": "Hi"}, "Ho"])
    assert one.digest == two.digest != other.digest
    assert len(one.digest) == 32


def test_equal_requests_whose_answers_are_checked_differently_have_other_digests():
    """The form of the answer is asked for in the same words, but one answer was never validated."""
    form = {"type": "json_object"}
    kinds = [None, {"type": "object"}, {"type": "object", "title": "Mood"}]
    forms = [RequestForm(MODEL, response_format=form, output_schema=schema) for schema in kinds]
    made_of = [made(["Hi"], form)[0] for form in forms]
    assert len({request.line for request in made_of}) == 1
    assert len({request.digest for request in made_of}) == 3
    again = RequestForm(MODEL, response_format=form, output_schema={"title": "Mood", "type": "object"})
    assert made(["Hi"], again)[0].digest == made_of[2].digest


@given(
    st.text(),
    st.none() | st.text(min_size=1).filter(str.strip),
    st.dictionaries(st.sampled_from(["temperature", "stop", "ü"]), st.integers() | st.text() | st.none()),
)
def test_the_short_way_of_prompts_says_what_the_long_way_says(prompt, system_prompt, params):
    """A row with an empty ``request`` is encoded as a whole; one without has only its prompt encoded."""
    form = RequestForm(MODEL, system_prompt=system_prompt, params=params)
    if not prompt.strip():
        assert "prompt is" in refusal([prompt])
        return
    short, long = made([{"prompt": prompt}, {"prompt": prompt, "request": {}}], form)
    assert short.digest == long.digest
    assert short.line.replace(b"row-0", b"row-1", 1) == long.line
    assert json.loads(short.line)["body"]["messages"][-1]["content"] == prompt
    filled = RequestForm(MODEL, prompt_template="{text}", system_prompt=system_prompt, params=params)
    assert made([prompt], filled)[0].line == short.line


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
BESIDE = st.dictionaries(st.text().filter(lambda name: name not in {*WHOLE, "prompt", "messages", "audio_url"}), JSON)


@given(BESIDE, st.text(min_size=1))
def test_any_json_is_carried_and_sent_in_one_line(columns, content):
    columns = {key: value for key, value in columns.items() if key not in {"request", "endpoint", "system_prompt"}}
    asked = {"model": OTHER, "messages": [{"role": "user", "content": content}], "metadata": columns}
    (request,) = made([{**WHOLE, "body": asked, **columns}])
    assert json.loads(request.line)["body"] == asked
    for text in (request.line[:-1], request.input or b""):
        assert len(text.decode().splitlines()) <= 1
    assert json.loads(request.input or b"{}") == columns


def test_what_ends_a_line_of_text_is_escaped():
    (request,) = made([{"prompt": "a\u2028b\x85c", "note": "\u2029“é”", "custom_id": "7\u2028"}])
    assert request.line.startswith(b'{"custom_id":"7\\u2028"')
    assert b'"content":"a\\u2028b\\u0085c"' in request.line
    assert request.input == '{"note":"\\u2029“é”"}'.encode()


@pytest.mark.parametrize(
    ("columns", "carried"),
    [({"note": "\ud800"}, '{"note":"\ufffd"}'), ({"a\udc00": [{"b": "é\ud800"}]}, '{"a\ufffd":[{"b":"é\ufffd"}]}')],
)
def test_a_lone_surrogate_is_sent_as_an_escape_and_carried_as_text_that_every_reader_takes(columns, carried):
    (request,) = made([{"prompt": "a\ud800", **columns}])
    assert b'"content":"a\\ud800"' in request.line
    assert request.input.decode() == carried


def test_rows_are_not_changed_and_read_one_at_a_time():
    row = {"custom_id": 1, "prompt": "Hi", "x": 1}
    made([row])
    made([row], RequestForm(MODEL, prompt_template="{prompt}"))
    assert row == {"custom_id": 1, "prompt": "Hi", "x": 1}
    taken = []
    stream = requests((taken.append(n) or str(n) for n in range(10)), PLAIN, max_bytes=1000)
    next(stream)
    assert taken == [0]
    stream.close()


def test_memory_does_not_grow_with_the_rows(monkeypatch):
    """What is kept in memory of ids is bounded, but for some bytes for each time that they are written."""
    monkeypatch.setattr(unique_ids, "TOGETHER", 5_000)

    def peak(count):
        tracemalloc.start()
        for _ in requests((f"{n}" for n in range(count)), PLAIN, max_bytes=1000):
            pass
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    peak(1000)
    assert peak(60_000) < 1.2 * peak(10_000)
