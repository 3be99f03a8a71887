"""Rows become requests: what each kind of row asks, what is carried, and what is refused by its number."""

import json
import re
import sqlite3
import subprocess
import sys
import tracemalloc
from collections import namedtuple
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from itertools import combinations
from types import MappingProxyType
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_groq.exceptions import GroqInputError, GroqStorageError
from airflow_provider_groq.jobs import unique_ids
from airflow_provider_groq.jobs.request_form import CHAT, RequestForm
from airflow_provider_groq.jobs.rows import requests

MODEL, OTHER = "openai/gpt-oss-20b", "qwen/qwen3.8-27b"
SPEECH, TRANSLATION = "/v1/audio/transcriptions", "/v1/audio/translations"
USER = [{"role": "user", "content": "Hi"}]
SYSTEM = {"role": "system", "content": "Be brief."}
PLAIN = RequestForm(MODEL)
WHOLE = {"custom_id": "a", "method": "POST", "url": CHAT, "body": {"model": OTHER, "messages": USER}}
ANSWER = {"type": "json_schema", "json_schema": {"name": "a", "strict": True, "schema": {"type": "object"}}}


def made(rows, form=PLAIN, max_bytes=1_000_000):
    return list(requests(rows, form, max_bytes=max_bytes))


def only(row, form=PLAIN):
    (request,) = made([row], form)
    assert request.line.count(b"\n") == 1
    return json.loads(request.line)


def body(row, form=PLAIN):
    return only(row, form)["body"]


def carried(row, form=PLAIN):
    (request,) = made([row], form)
    return None if request.input is None else json.loads(request.input)


def refusal(rows, form=PLAIN, **limits):
    with pytest.raises(GroqInputError) as caught:
        made(rows, form, **limits)
    return str(caught.value)


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


class Plain(Enum):
    ONE = 1


class Scalar:
    """As numpy's are, which the package does not need."""

    shape = ()

    def __init__(self, value, kind):
        self.value, self.dtype = value, type("dtype", (), {"kind": kind})

    def item(self):
        return self.value


def test_scalars_of_numpy_are_numbers():
    assert carried({"prompt": "Hi", "a": Scalar(1, "i"), "b": Scalar(0.5, "f"), "c": Scalar(True, "b")}) == {
        "a": 1,
        "b": 0.5,
        "c": True,
    }


@pytest.mark.parametrize(
    ("column", "where"),
    [
        (float("nan"), "column 'x' is nan (float)"),
        (float("inf"), "column 'x' is inf (float)"),
        ([1, {"y": float("nan")}], "column 'x'[1]['y'] is nan (float)"),
        (Decimal("NaN"), "column 'x' is Decimal('NaN') (Decimal)"),
        (b"bytes", "column 'x' is b'bytes' (bytes)"),
        ({1, 2}, "column 'x' is {1, 2} (set)"),
        (Plain.ONE, "column 'x' is <Plain.ONE: 1> (Plain)"),
        (Scalar(float("nan"), "f"), "column 'x' is nan (float)"),
        (Scalar(1, "M"), "(Scalar), which cannot be written as JSON"),
        ({1: 2}, "has the key 1, but the names of columns and all keys must be text"),
        pytest.param(10**5000, "cannot be written as JSON: ", id="long"),
    ],
)
@pytest.mark.parametrize("form", [PLAIN, RequestForm(MODEL, prompt_template="{prompt}")])
def test_a_value_that_json_lacks_is_named_with_row_and_column(column, where, form):
    said = refusal([{"prompt": "Hi"}, {"prompt": "Hi", "x": column}], form)
    assert said.startswith("Row 1 (counted from 0): ")
    assert where in said
    assert said.endswith("Nothing was sent.")


def test_a_value_that_holds_itself_is_refused():
    loop = []
    loop.append(loop)
    assert "column 'x' is nested too deeply" in refusal([{"prompt": "Hi", "x": loop}])


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (None, "is None, but a row must be a text, a mapping of columns, or a tuple of values"),
        (5, "is 5, but a row must be"),
        (b"Hi", "is b'Hi', but a row must be"),
        (("a", "b"), "is ('a', 'b'), but its values have no names: set columns=[...]"),
        ({}, "has no prompt: set prompt_template, or one of prompt, messages, body, audio_url in the row"),
        ({"text": "Hi"}, "has no prompt"),
        ({"prompt": None}, "has no prompt"),
        ("", "prompt is '', but must be non-empty text"),
        ({"prompt": " \n"}, "prompt is ' \\n', but must be non-empty text"),
        ({"prompt": 5}, "prompt is 5, but must be non-empty text"),
        ({"prompt": "Hi", "messages": USER}, "has both prompt and messages, but only one of"),
        ({"body": {}, "audio_url": "u"}, "has both body and audio_url"),
        ({"messages": "Hi"}, "messages is 'Hi', but must be a list of messages"),
        ({"messages": []}, "messages is [], but must be a list of messages"),
        ({"messages": ["Hi"]}, "messages has 'Hi', but a message is a mapping with a role"),
        ({"messages": [{"content": "Hi"}]}, "but a message is a mapping with a role"),
        ({"body": {"top_p": 1}}, "body.messages is None, but must be a list"),
        ({"body": "Hi"}, "body is 'Hi', but must be a mapping"),
        ({"body": {"messages": USER, "stream": True}}, "body.stream is True, but a batch cannot stream"),
        ({"body": {"messages": USER, "model": ""}}, "names the model '', but it must be non-empty text"),
        ({"prompt": "Hi", "request": {"model": 5}}, "names the model 5, but it must be non-empty text"),
        ({"prompt": "Hi", "request": {"stream": True}}, "request sets stream, but a batch cannot stream"),
        ({"prompt": "Hi", "request": {"messages": USER}}, "request sets messages, but the prompt comes from"),
        ({"prompt": "Hi", "request": "x"}, "request is 'x', but must be a mapping"),
        ({"prompt": "Hi", "endpoint": "/v1/embeddings"}, "endpoint is '/v1/embeddings', but must be one of"),
        ({"prompt": "Hi", "endpoint": ["x"]}, "endpoint is ['x'], but must be one of"),
        ({"prompt": "Hi", "endpoint": SPEECH}, "has prompt, but its endpoint is for audio: set audio_url"),
        ({"prompt": "Hi", "system_prompt": ""}, "system_prompt is '', but must be non-empty text"),
        ({"messages": [SYSTEM], "system_prompt": "x"}, "has a system_prompt, and a system message"),
        ({"audio_url": "u"}, f"has audio_url, but its endpoint is {CHAT}: set endpoint='{SPEECH}' or '{TRANSLATION}'"),
        ({"audio_url": "", "endpoint": SPEECH}, "audio_url is '', but must be non-empty text"),
        ({"audio_url": "u", "endpoint": SPEECH, "system_prompt": "x"}, "has a system_prompt, but its endpoint is one"),
        ({"body": {}, "endpoint": SPEECH}, "body.url is None, but must be non-empty text"),
        ({**WHOLE, "method": "GET"}, "method is 'GET', but must be 'POST'"),
        ({**WHOLE, "url": "/x"}, "url is '/x', but must be one of"),
        ({**WHOLE, "body": {}}, "body.model is None, but must name a model"),
        ({**WHOLE, "body": {"model": MODEL, "stream": True}}, "body.stream is True"),
        ({"prompt": "Hi", "custom_id": ""}, "custom_id is '', but must not be empty"),
        ({"prompt": "Hi", "custom_id": " "}, "custom_id is ' ', but must not be empty"),
        ({"prompt": "Hi", "custom_id": None}, "custom_id is None, but must be a text or a number"),
        ({"prompt": "Hi", "custom_id": True}, "custom_id is True, but must be a text or a number"),
        ({"prompt": "Hi", "custom_id": float("nan")}, "custom_id is nan (float), which cannot be written"),
        ({"prompt": "Hi", "custom_id": [1]}, "custom_id is [1], but must be a text or a number"),
        ({"prompt": "Hi", "custom_id": "\ud800"}, "custom_id is '\\ud800', which is not valid Unicode"),
        ({**WHOLE, "custom_id": ""}, "custom_id is '', but must not be empty"),
    ],
)
def test_a_wrong_row_is_named_with_what_is_wrong(row, problem):
    said = refusal(["Hi", row])
    assert said.startswith("Row 1 (counted from 0): ")
    assert problem in said


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"id": 1, "x": 2}, "has no column 'text', which prompt_template names; its columns are 'id', 'x'"),
        ({"id": 1, "text": None}, "column 'text', which prompt_template names, is None"),
        ((1,), "which has 1 values for the 2 columns ['id', 'text']"),
        ({"text": "x"}, "has no column 'id', which id_column names; its columns are ['text']"),
        ({"id": 1, "text": " "}, "renders prompt_template to an empty prompt"),
    ],
)
def test_a_row_that_lacks_a_column_is_named_with_it(row, problem):
    form = RequestForm(MODEL, prompt_template="{text}", columns=["id", "text"], id_column="id")
    assert problem in refusal([row], form)


@pytest.mark.parametrize(
    ("value", "text"),
    [(7, "7"), (7.5, "7.5"), (Decimal("7.50"), "7.50"), ("ü\u2028", "ü\u2028"), (date(2026, 1, 2), "2026-01-02")],
)
def test_an_id_is_made_text(value, text):
    (request,) = made([{"custom_id": value, "prompt": "Hi"}])
    assert request.custom_id == json.loads(request.line)["custom_id"] == text
    (whole,) = made([{**WHOLE, "custom_id": value}])
    assert whole.custom_id == json.loads(whole.line)["custom_id"] == text


@pytest.fixture(params=[0, 1, 3, 1000])
def together(request, monkeypatch):
    monkeypatch.setattr(unique_ids, "TOGETHER", request.param)


@pytest.mark.parametrize(
    ("ids", "first", "second", "shown"),
    [
        (["a", "b", "c", "d", "e", "f", "a"], 0, 6, "'a'"),
        (["a", "b", "b", "a"], 1, 2, "'b'"),
        ([1, 2, 3, 4, "2"], 1, 4, "'2'"),
        ([None, "x", "row-0"], 0, 2, "'row-0'"),
    ],
)
def test_equal_ids_are_found_however_far_apart(together, ids, first, second, shown):
    rows = [{"prompt": "Hi"} | ({} if custom_id is None else {"custom_id": custom_id}) for custom_id in ids]
    assert refusal(rows).startswith(f"Rows {first} and {second} (counted from 0) have the same custom_id {shown}")


def found_equal(ids):
    """The rows that are said to have the same id."""
    with unique_ids.UniqueIds() as kept:
        try:
            for row, custom_id in enumerate(ids):
                kept.add(custom_id, row)
            kept.check()
        except GroqInputError as error:
            return tuple(map(int, re.match(r"Rows (\d+) and (\d+) ", str(error)).groups()))
    return None


@given(st.lists(st.text("ab\u2028é", min_size=1, max_size=3), max_size=12), st.integers(0, 5))
def test_equal_ids_and_only_those_are_found(ids, together):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unique_ids, "TOGETHER", together)
        found = found_equal(ids)
    equal = [pair for pair in combinations(range(len(ids)), 2) if ids[pair[0]] == ids[pair[1]]]
    assert found in (equal or [None])


def test_a_temporary_file_without_room_is_no_fault_of_the_rows(monkeypatch):
    monkeypatch.setattr(unique_ids, "TOGETHER", 1)
    with unique_ids.UniqueIds() as ids:
        ids.add("a", 0)
        ids.add("b", 1)
        ids._file.execute("PRAGMA max_page_count = 3")
        ids._new = {f"{'x' * 100}{row}": row for row in range(2, 1000)}
        with pytest.raises(GroqStorageError, match=r"database or disk is full.*SQLITE_TMPDIR"):
            ids.check()


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


def test_a_row_too_large_alone_is_refused():
    size = len(made(["Hi"])[0].line)
    assert len(made(["Hi"], max_bytes=size)) == 1
    assert f"becomes a request of {size} bytes, but a batch's file may have at most {size - 1}" in refusal(
        ["Hi"], max_bytes=size - 1
    )


class Frame:
    """Iterates over its columns, as data frames do."""

    columns, shape = ["a"], (1, 1)

    def __iter__(self):
        return iter(self.columns)


async def coroutine():
    yield "Hi"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (None, "the function returned None. Return a list of rows from the function, or yield them"),
        ("Hi", "The rows are a text, 'Hi'. Return a list"),
        (b"Hi", "The rows are a text, b'Hi'."),
        ({"prompt": "Hi"}, "The rows are one mapping, {'prompt': 'Hi'}. Return a list"),
        (5, "The rows are 5, which is not iterable"),
        (coroutine(), "which is not iterable"),
        (Frame(), "a data frame, which iterates over columns, not rows. Return frame.to_dict('records')"),
        ([], "There are no rows. If this is expected,"),
        (iter(()), "There are no rows"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_are_no_rows_is_refused_with_what_to_return(rows, said):
    assert said in refusal(rows)


def test_what_the_source_raises_says_how_far_it_came():
    def source():
        yield from ("Hi", "Ho")
        raise LookupError("no such table")

    with pytest.raises(LookupError, match="no such table") as caught:
        made(source())
    assert caught.value.__notes__ == ["Raised while reading row 2 (counted from 0). Nothing was sent."]


def test_a_row_of_a_file_is_named_with_file_and_line():
    class Rows:
        place = "line 9 of /data/in.jsonl"

        def __iter__(self):
            return iter(["Hi", {}])

    assert refusal(Rows()).startswith("Row 1 (counted from 0), which is line 9 of /data/in.jsonl: has no prompt")


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
    """What is kept in memory of ids is bounded; so are SQLite's pages, which tracemalloc does not see, by 2 MB."""
    monkeypatch.setattr(unique_ids, "TOGETHER", 500)

    def peak(count):
        tracemalloc.start()
        for _ in requests((f"{n}" for n in range(count)), PLAIN, max_bytes=1000):
            pass
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    peak(1000)
    assert peak(20_000) < 1.5 * peak(2000)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"model": ""}, "model must be non-empty text, but is ''"),
        ({"endpoint": "/v1/x"}, "endpoint is '/v1/x', but must be one of"),
        ({"system_prompt": " "}, "system_prompt must be non-empty text"),
        ({"system_prompt": ["x"]}, "system_prompt must be non-empty text"),
        ({"id_column": 5}, "id_column must be non-empty text"),
        ({"id_column": "prompt"}, "id_column is 'prompt', which means something else in rows"),
        ({"columns": "ab"}, "columns must be a list of the names of the columns, but is 'ab'"),
        ({"columns": []}, "columns is empty"),
        ({"columns": ["a", 5]}, "columns[1] must be non-empty text"),
        ({"columns": ["a", "a"]}, "columns has 'a' twice"),
        ({"columns": ["a"], "prompt_template": "{b}"}, "prompt_template names the column 'b', but columns has only a"),
        ({"columns": ["a"], "id_column": "b"}, "id_column names the column 'b', but columns has only a"),
        ({"params": [1]}, "params must be a dict of parameters"),
        ({"params": {"stream": False}}, "params sets stream, but a batch cannot stream: remove it"),
        ({"params": {"messages": USER}}, "params sets messages, but the prompt comes from the rows"),
        ({"params": {"url": "u"}}, "params sets url"),
        ({"params": {"model": MODEL}}, "params sets model: use the argument model instead"),
        ({"params": {1: 2}}, "params has the key 1, but the names of parameters are text"),
        ({"params": {"top_p": float("nan")}}, "params cannot be written as JSON"),
        ({"params": {"top_p": {1}}}, "params cannot be written as JSON"),
        ({"params": {"response_format": {}}, "response_format": ANSWER}, "params sets response_format, and so does"),
        ({"endpoint": SPEECH, "prompt_template": "{a}"}, f"prompt_template is for {CHAT}, but endpoint is {SPEECH}"),
        ({"endpoint": SPEECH, "response_format": ANSWER}, f"output_type is for {CHAT}, but endpoint is {SPEECH}"),
        ({"prompt_template": "{{ ds }}"}, "looks like Jinja"),
        ({"response_format": "json"}, "response_format must be a dict"),
    ],
)
def test_a_wrong_form_is_refused_when_it_is_made(arguments, said):
    with pytest.raises(GroqInputError) as caught:
        RequestForm(**{"model": MODEL} | arguments)
    assert said in str(caught.value)


def test_a_form_is_made_without_what_reads_rows():
    """A Dag file makes one each time it is parsed."""
    source = """
import sys
from airflow_provider_groq.jobs.request_form import RequestForm
RequestForm("m", prompt_template="{text}", params={"seed": 1})
print(*sys.modules)
"""
    loaded = subprocess.run(
        [sys.executable, "-c", source], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.split()
    assert "airflow_provider_groq.jobs.template" in loaded
    assert not {"pydantic", "jsonschema", "msgspec", "sqlite3"} & set(loaded)
