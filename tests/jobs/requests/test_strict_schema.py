"""The schema that models are told of an output type, and which types have none."""

import json
from datetime import date
from typing import Any, Literal

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jobs.output_types import (
    NULL,
    SCHEMA,
    STRICT,
    Anything,
    Cat,
    Deep,
    Dog,
    Extra,
    Free,
    Many,
    Node,
    NoSchema,
    Person,
    Point,
    Sentiment,
    Tuple,
    Unsaid,
)

from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.jobs.requests.output_type import OutputType


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


MAYBE = {"anyOf": [{"type": "string"}, NULL]}


@pytest.mark.parametrize(
    "definitions",
    [
        {"Maybe": MAYBE},
        {"Maybe": {"type": ["string", "null"]}},
        {"Maybe": {"$ref": "#/$defs/Other"}, "Other": MAYBE},
        {"Maybe": {"anyOf": [{"$ref": "#/$defs/Maybe"}, *MAYBE["anyOf"]]}},
    ],
    ids=["anyOf", "types", "two steps", "itself"],
)
def test_a_definition_that_may_be_null_gets_no_second_null(definitions):
    """Wherever it is referred to: at the top, or in another definition."""
    reference = {"$ref": "#/$defs/Maybe"}
    inner = {"type": "object", "properties": {"b": reference}}
    strict = OutputType.of(
        {"type": "object", "properties": {"a": reference, "i": inner}, "$defs": {**definitions, "Inner": inner}}
    ).strict_schema
    assert strict["properties"]["a"] == reference
    assert strict["properties"]["i"]["anyOf"][0]["properties"]["b"] == reference
    assert strict["$defs"]["Inner"]["properties"]["b"] == reference


def test_a_definition_that_may_not_be_null_gets_one_where_it_may_be_left_out():
    reference = {"$ref": "#/$defs/Name"}
    definitions = {"$defs": {"Name": {"type": "string"}}}
    strict = OutputType.of({"type": "object", "properties": {"a": reference}, **definitions}).strict_schema
    assert strict["properties"]["a"] == {"anyOf": [reference, NULL]}


@pytest.mark.parametrize(("model", "strict"), [*((model, True) for model in STRICT), ("qwen/qwen3.8-27b", False)])
def test_models_that_can_are_held_to_the_schema(model, strict):
    kind = OutputType.of(Sentiment)
    assert kind.response_format(model) == {
        "type": "json_schema",
        "json_schema": {"name": "Sentiment", "strict": strict, "schema": kind.strict_schema},
    }
    assert OutputType.of(list[str]).response_format(model)["json_schema"]["name"] == "output"
    assert OutputType.of({**SCHEMA, "title": "Größe: 1"}).response_format(model)["json_schema"]["name"] == "Gr_e_1"


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
        ({"allOf": [True]}, "At the top.allOf[0], it is True, which allows anything or nothing: give it a type"),
        ({**SCHEMA, "properties": {"a": {"allOf": [False]}}}, "At the field 'a'.allOf[0], it is False, which allows"),
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
