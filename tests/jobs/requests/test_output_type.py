"""Output types: the schema that models are told, and how their answers are checked against the type."""

import json
import subprocess
import sys
from typing import Literal, Union

import pytest
from jobs.output_types import (
    SCHEMA,
    Cat,
    Dog,
    Many,
    Node,
    Person,
    Point,
    Sentiment,
)
from pydantic import BaseModel, Field, field_validator

from airflow_provider_groq.jobs.records import InvalidOutput
from airflow_provider_groq.jobs.requests.output_type import OutputType


class Whole(BaseModel):
    size: str


class Half(BaseModel):
    size: str = "half"


class Larger(BaseModel):
    size: str | None
    name: str = "larger"


def nested(depth):
    """Lists within lists, so many in all."""
    return [] if depth == 1 else [nested(depth - 1)]


@pytest.mark.parametrize(
    ("kind", "answer", "value"),
    [
        (Sentiment, {"label": "good", "score": 1}, {"label": "good", "score": 1.0}),
        (Sentiment, {"label": "good", "score": None}, {"label": "good", "score": 0.5}),
        (
            Many,
            {"text": "x", "number": None, "maybe": None, "day": None, "price": None, "color": None, "pets": None}
            | {"pet": None},
            {"text": "x", "number": 7, "maybe": None, "day": None, "price": "1.5", "color": "red", "pets": []}
            | {"pet": {"kind": "dog", "lives": 1, "friends": []}},
        ),
        (
            Many,
            {"text": "x", "day": "2026-01-02", "price": "2", "pets": [{"kind": None, "lives": None}]}
            | {"pet": {"kind": "dog", "lives": None, "friends": [{"kind": "cat", "lives": None}]}},
            {"text": "x", "number": 7, "maybe": 5, "day": "2026-01-02", "price": "2", "color": "red"}
            | {"pets": [{"kind": "cat", "lives": 9}]}
            | {"pet": {"kind": "dog", "lives": None, "friends": [{"kind": "cat", "lives": 9}]}},
        ),
        (
            Node,
            {"value": 1, "next": {"value": 2, "next": None, "kids": None}, "kids": [{"value": 3, "kids": None}]},
            {
                "value": 1,
                "next": {"value": 2, "next": None, "kids": []},
                "kids": [{"value": 3, "next": None, "kids": []}],
            },
        ),
        (Point, {"x": 1, "y": None}, {"x": 1, "y": 0}),
        (Person, {"name": None}, {}),
        (list[str], {"value": ["a"]}, ["a"]),
        (set[int], {"value": [1, 1]}, [1]),
        (Literal["a", "b"], {"value": "b"}, "b"),
        (Union[int, None], {"value": None}, None),  # noqa: UP007 - as people write it
        (
            Cat | Dog,
            {"value": {"kind": "dog", "lives": None, "friends": None}},
            {"kind": "dog", "lives": None, "friends": []},
        ),
        (list[int] | list[Cat], {"value": [{"kind": None, "lives": None}]}, [{"kind": "cat", "lives": 9}]),
        (Whole | Half, {"value": {"size": None}}, {"size": "half"}),
        (Larger | Half, {"value": {"size": None}}, {"size": "half"}),
        (SCHEMA, {"a": None}, {}),
        (SCHEMA, {"a": "x"}, {"a": "x"}),
        ({"type": "array", "items": SCHEMA}, {"value": [{"a": None}, {"a": "x"}]}, [{}, {"a": "x"}]),
        ({**SCHEMA, "properties": {"a": {"type": ["string", "null"]}}}, {"a": None}, {"a": None}),
        ({**SCHEMA, "properties": {"a": {"enum": ["x", None]}}}, {"a": None}, {"a": None}),
        ({**SCHEMA, "required": ["a"]}, {"a": "x"}, {"a": "x"}),
        (SCHEMA, {"a": "half \ud83d", "\udc00": 1}, {"a": "half \ufffd", "\ufffd": 1}),
        (Sentiment, {"label": "good", "score": 1, "\ud83d": 0}, {"label": "good", "score": 1.0}),
        (SCHEMA, {"a": "x", "more": 250 * [[{}]]}, {"a": "x", "more": 250 * [[{}]]}),
        (SCHEMA, {"a": "x", "more": nested(199)}, {"a": "x", "more": nested(199)}),
    ],
)
def test_an_answer_in_the_strict_form_fits_and_nulls_are_defaults(kind, answer, value):
    assert OutputType.of(kind).validate(json.dumps(answer)) == value


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        (Sentiment, "Good!", "is not JSON: Expecting value"),
        (Sentiment, "", "is not JSON"),
        (Sentiment, '{"label": "good", "score": NaN}', "is not JSON: NaN is not a JSON value"),
        (Sentiment, "[" * 100_000, "is not JSON: "),
        (Sentiment, '{"label": "fine", "score": 1}', "label: Input should be 'good' or 'bad'"),
        (Sentiment, '{"score": 2}', "label: Field required (and 1 more)"),
        (Sentiment, '{"label": null, "score": 1}', "label: Input should be 'good' or 'bad'"),
        (Sentiment, "[]", "Input should be an object"),
        (Sentiment, 'Here it is: {"label": "good"}', "is not JSON"),
        (list[str], '["a"]', "is ['a'], but must be an object that holds only 'value'"),
        (list[str], '{"value": [], "more": 1}', "but must be an object that holds only 'value'"),
        (list[str], '{"value": [1]}', "0: Input should be a valid string"),
        (SCHEMA, '{"a": 1}', "$.a: 1 is not of type 'string'"),
        (
            {**SCHEMA, "properties": {"a": {"type": "number"}}},
            '{"a": 1e999}',
            "is not JSON: 1e999 is too large a number",
        ),
        (SCHEMA, json.dumps({"a": "x", "more": nested(200)}), "is nested more than 200 deep"),
        (SCHEMA, json.dumps({"a": "x", "more": nested(900)}), "is nested more than 200 deep"),
        (Node, 800 * '{"value": 1, "next": ' + "null" + 800 * "}", "is nested more than 200 deep"),
        ({**SCHEMA, "required": ["a"]}, '{"a": null}', "$.a: None is not of type 'string'"),
    ],
)
def test_an_answer_that_does_not_fit_is_invalid_with_a_short_reason(kind, text, said):
    with pytest.raises(InvalidOutput) as caught:
        OutputType.of(kind).validate(text)
    assert said in str(caught.value)
    assert len(str(caught.value)) <= 300


@pytest.mark.parametrize("fence", ["```json\n{}\n```", "```\n{}\n```", "\n```JSON \n{}\n```\n"])
def test_markdown_around_the_whole_answer_is_left_out(fence):
    answer = '{"label": "good",\n"score": 1}'
    assert OutputType.of(Sentiment).validate(fence.format(answer)) == {"label": "good", "score": 1.0}
    with pytest.raises(InvalidOutput, match="is not JSON"):
        OutputType.of(Sentiment).validate("Sure:\n" + fence.format(answer))


class Breaks(BaseModel):
    it: str

    @field_validator("it")
    @classmethod
    def check(cls, value):
        return {"a": 1}[value]


def test_a_validator_that_breaks_makes_one_answer_invalid_and_not_the_job():
    assert OutputType.of(Breaks).validate('{"it": "a"}') == {"it": 1}
    with pytest.raises(InvalidOutput, match="KeyError: 'b'"):
        OutputType.of(Breaks).validate('{"it": "b"}')


class Named(BaseModel):
    first: int = Field(alias="FirstName")


def test_models_are_told_the_alias_and_the_output_has_the_name():
    kind = OutputType.of(Named)
    assert list(kind.strict_schema["properties"]) == ["FirstName"]
    assert kind.validate('{"FirstName": 1}') == {"first": 1}


class Number(BaseModel):
    it: float


def test_a_number_that_json_lacks_is_invalid_however_it_is_written():
    with pytest.raises(InvalidOutput, match=r"^the value\['it'\] is nan \(float\), which cannot be written as JSON"):
        OutputType.of(Number).validate('{"it": "NaN"}')


@pytest.mark.parametrize(("given", "needs", "spares"), [("dict(type='integer')", "jsonschema", "pydantic")])
def test_only_what_a_type_needs_is_loaded(given, needs, spares):
    source = f"""
import sys
from airflow_provider_groq.jobs.requests.output_type import OutputType
assert not {{"pydantic", "jsonschema"}} & set(sys.modules)
OutputType.of({given})
assert {needs!r} in sys.modules and {spares!r} not in sys.modules
"""
    subprocess.run([sys.executable, "-c", source], check=True)
