"""Output types: the schema that models are told, and how their answers are checked against the type."""

import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, Optional, Union

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, field_validator
from typing_extensions import TypedDict

from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.jobs.output_type import OutputType
from airflow_provider_groq.jobs.records import InvalidOutput

STRICT = ("openai/gpt-oss-20b", "openai/gpt-oss-120b")
NULL = {"type": "null"}


class Sentiment(BaseModel):
    label: Literal["good", "bad"]
    score: float = Field(0.5, ge=0, le=1, description="How sure you are")


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]
    lives: int | None = 1
    friends: list["Cat | Dog"] = []


class Color(Enum):
    RED = "red"


class Many(BaseModel):
    text: str
    number: int = 7
    maybe: Optional[int] = 5  # noqa: UP045 - as people write it
    day: date | None = None
    price: Decimal = Decimal("1.5")
    color: Color = Color.RED
    pets: list[Cat] = []
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] = Dog(kind="dog")


class Node(BaseModel):
    value: int
    next: Optional["Node"] = None
    kids: list["Node"] = []


@dataclass
class Point:
    x: int
    y: int = 0


class Person(TypedDict, total=False):
    name: str


def objects_in(schema):
    """All parts of a schema that are of objects."""
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for value in schema.values():
            yield from objects_in(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from objects_in(value)


GOOD = [Sentiment, Many, Node, Point, Person, list[Node], Cat | Dog, list[str], Literal["a", "b"], int, set[int], date]
WORDS = {
    *("type", "title", "description", "enum", "anyOf", "$ref", "$defs"),
    *("properties", "required", "additionalProperties", "items"),
}


def keywords(schema):
    for key, value in schema.items():
        yield key
        if key in {"properties", "$defs"}:
            for item in value.values():
                yield from keywords(item)
        elif key == "anyOf":
            for item in value:
                yield from keywords(item)
        elif key == "items":
            yield from keywords(value)


@pytest.mark.parametrize("kind", GOOD, ids=str)
def test_the_strict_form_is_what_groq_takes(kind):
    """An object at the top, every property required, no others, and none of the keywords that Groq refuses."""
    schema = OutputType.of(kind).strict_schema
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["type"] == "object"
    for found in objects_in(schema):
        assert found["additionalProperties"] is False
        assert found["required"] == list(found["properties"])
    assert set(keywords(schema)) <= WORDS


def test_the_strict_form_of_a_model():
    assert OutputType.of(Sentiment).strict_schema == {
        "title": "Sentiment",
        "type": "object",
        "properties": {
            "label": {"title": "Label", "type": "string", "enum": ["good", "bad"]},
            "score": {
                "anyOf": [
                    {"title": "Score", "type": "number", "description": "How sure you are (minimum: 0, maximum: 1)"},
                    NULL,
                ]
            },
        },
        "required": ["label", "score"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(("model", "strict"), [*((model, True) for model in STRICT), ("qwen/qwen3.8-27b", False)])
def test_models_that_can_are_held_to_the_schema(model, strict):
    kind = OutputType.of(Sentiment)
    assert kind.response_format(model) == {
        "type": "json_schema",
        "json_schema": {"name": "Sentiment", "strict": strict, "schema": kind.strict_schema},
    }
    assert OutputType.of(list[str]).response_format(model)["json_schema"]["name"] == "output"
    assert OutputType.of({**SCHEMA, "title": "Größe: 1"}).response_format(model)["json_schema"]["name"] == "Gr_e_1"


class Free(BaseModel):
    scores: dict[str, int]


class Deep(BaseModel):
    frees: list[Free]


class Extra(BaseModel):
    model_config = ConfigDict(extra="allow")


class Tuple(BaseModel):
    pair: tuple[int, str]


class Anything(BaseModel):
    it: Any


class NoSchema:
    pass


class Unsaid(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    it: NoSchema


SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (
            Free,
            "At the field 'scores', it is an object with free keys, which cannot be expressed in one: name the keys",
        ),
        (Deep, "At $defs.Free.scores, it is an object with free keys"),
        (dict[str, int], "At the top, it is an object with free keys"),
        (dict, "At the top, it is an object with free keys"),
        (Extra, "At the top, it is an object with free keys"),
        (Tuple, "At the field 'pair', it has prefixItems, and lists with another type at each place, or tuples cannot"),
        (Anything, "At the field 'it', it has no type, so anything fits: give it a type"),
        (list[dict[str, int]], "At the items of the top, it is an object with free keys"),
        (list, "At the items of the top, it has no type"),
        (Any, "At the top, it has no type"),
        (Unsaid, "has no JSON schema: "),
        (NoSchema, "has no JSON schema: "),
        (5, "output_type 5 has no JSON schema"),
        ("Sentiment", "output_type must be a type or a JSON schema, but is 'Sentiment'"),
        (None, "must be a type or a JSON schema, but is None"),
        (json.loads, "must be a type or a JSON schema, but is <function loads"),
        ({"type": "objekt"}, "output_type is not a JSON schema: at $.type, 'objekt' is not valid"),
        ({"type": "object", "default": {1}}, "output_type is a dict, but not a JSON schema: "),
        ({}, "At the top, it has no type"),
        ({"type": "object"}, "At the top, it is an object with free keys"),
        ({**SCHEMA, "additionalProperties": True}, "free keys"),
        ({**SCHEMA, "patternProperties": {"^x": {"type": "string"}}}, "it has patternProperties, and free keys cannot"),
        (
            {**SCHEMA, "not": {"required": ["a"]}},
            "it has not, and conditions cannot be expressed in one: use anyOf",
        ),
        ({**SCHEMA, "allOf": [{"type": "object"}, {"required": ["a"]}]}, "it has allOf, and several schemas at once"),
        ({**SCHEMA, "properties": {"a": True}}, "At the field 'a', it is True, which allows anything or nothing"),
        ({"type": "array"}, "At the items of the top, it is None, which allows anything"),
        (
            {**SCHEMA, "properties": {"a": {"$ref": "#/$defs/b"}}},
            "it has the $ref '#/$defs/b', which is not in its",
        ),
        ({**SCHEMA, "properties": {"a": {"$ref": "https://x/y"}}}, "it has the $ref 'https://x/y', which is not in"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, "it has the $ref '#/$defs/a', which is not in"),
    ],
)
def test_what_has_no_strict_form_is_refused_with_its_place(kind, said):
    with pytest.raises(GroqInputError) as caught:
        OutputType.of(kind)
    assert said in str(caught.value)
    assert str(caught.value).startswith("output_type ")


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
        (SCHEMA, {"a": None}, {}),
        (SCHEMA, {"a": "x"}, {"a": "x"}),
        ({"type": "array", "items": SCHEMA}, {"value": [{"a": None}, {"a": "x"}]}, [{}, {"a": "x"}]),
        ({**SCHEMA, "properties": {"a": {"type": ["string", "null"]}}}, {"a": None}, {"a": None}),
        ({**SCHEMA, "properties": {"a": {"enum": ["x", None]}}}, {"a": None}, {"a": None}),
        ({**SCHEMA, "required": ["a"]}, {"a": "x"}, {"a": "x"}),
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


LEAF = st.sampled_from(
    [{"type": "string"}, {"type": "integer"}, {"type": ["string", "null"]}, {"enum": ["a", 1]}, {"const": 5}]
)


def objects(inner):
    fields = st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, min_size=1)
    return fields.flatmap(
        lambda properties: st.lists(st.sampled_from(sorted(properties)), unique=True).map(
            lambda required: {"type": "object", "properties": properties, "required": required}
        )
    )


SCHEMAS = st.recursive(
    LEAF,
    lambda inner: objects(inner) | inner.map(lambda item: {"type": "array", "items": item}),
    max_leaves=6,
)


def answers(schema):
    """What a model that is held to a strict form may write."""
    if "anyOf" in schema:
        return st.one_of(*map(answers, schema["anyOf"]))
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kinds = schema["type"]
    by_kind = {
        "string": st.just("x"),
        "integer": st.just(3),
        "null": st.none(),
        "array": st.lists(answers(schema["items"]), max_size=2) if "items" in schema else st.nothing(),
        "object": st.fixed_dictionaries({name: answers(item) for name, item in schema.get("properties", {}).items()}),
    }
    return st.one_of(*(by_kind[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds)))


@given(st.data())
def test_whatever_the_strict_form_allows_fits_the_schema_itself(data):
    schema = data.draw(SCHEMAS)
    kind = OutputType.of(schema)
    answer = data.draw(answers(kind.strict_schema))
    jsonschema.validate(answer, kind.strict_schema)
    jsonschema.validate(kind.validate(json.dumps(answer)), schema)


@pytest.mark.parametrize(("given", "needs", "spares"), [("dict(type='integer')", "jsonschema", "pydantic")])
def test_only_what_a_type_needs_is_loaded(given, needs, spares):
    source = f"""
import sys
from airflow_provider_groq.jobs.output_type import OutputType
assert not {{"pydantic", "jsonschema"}} & set(sys.modules)
OutputType.of({given})
assert {needs!r} in sys.modules and {spares!r} not in sys.modules
"""
    subprocess.run([sys.executable, "-c", source], check=True)
