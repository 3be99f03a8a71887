"""Structured output: which schemas are refused; answers that fit the others or, where a test asks for it, do not."""

import json
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Literal

import jsonschema
import pydantic
import pytest


class Mood(StrEnum):
    GOOD = "good"
    BAD = "bad"


class Topic(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")

    name: str
    weight: Annotated[float, pydantic.Field(gt=0, le=1)]
    parent: "Topic | None"


class Review(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")

    kind: Literal["review"]
    mood: Mood
    stars: Annotated[int, pydantic.Field(ge=1, le=5)]
    code: Annotated[str, pydantic.Field(pattern=r"^[A-Z]{2}-\d{3,}$")]
    topics: Annotated[list[Topic], pydantic.Field(min_length=2)]
    remark: str | None
    returned: bool


OPEN = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
CLOSED = OPEN | {"additionalProperties": False}
OPTIONAL = CLOSED | {"required": []}


def asking(schema, *, strict=True, name="answer", **body):
    named = {"name": name, "schema": schema, "strict": strict}
    return {"body": {"response_format": {"type": "json_schema", "json_schema": named}} | body}


def content(entry):
    return entry["response"]["body"]["choices"][0]["message"]["content"]


def test_an_answer_is_of_the_type_whose_strict_schema_was_sent(account, line):
    schema = Review.model_json_schema()
    ids = [f"row-{number}" for number in range(30)]
    output = account.output(account.finish(*(line(name, text=f"Text {name}", **asking(schema)) for name in ids)))
    reviews = [Review.model_validate_json(content(output[name])) for name in ids]
    assert {review.mood for review in reviews} == {Mood.GOOD, Mood.BAD}
    assert len({review.stars for review in reviews}) > 1
    assert len({review.code for review in reviews}) > 10


@pytest.mark.parametrize(
    "kind",
    [
        tuple[int, str, bool],
        set[int],
        Annotated[set[Annotated[str, pydantic.Field(max_length=4)]], pydantic.Field(min_length=2)],
        dict[str, int],
        list[Review],
        Decimal,
        Annotated[str, pydantic.Field(min_length=100)],
        Annotated[str, pydantic.Field(pattern="^#[0-9a-f]{6}$")],
        Literal["a", 1] | None,
    ],
    ids=str,
)
def test_an_answer_is_of_a_type_that_is_no_model(account, line, kind):
    adapter = pydantic.TypeAdapter(kind)
    body = account.answer(line(text="One two three.", **asking(adapter.json_schema(), strict=False)))
    adapter.validate_json(body["choices"][0]["message"]["content"])


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        (OPEN, "'answer': additionalProperties:false must be set on every object"),
        (OPTIONAL, "Missing 'a'"),
        (CLOSED | {"properties": {"a": OPEN}}, "/properties/a: additionalProperties:false"),
        (CLOSED | {"properties": {"a": {"type": "array", "items": OPTIONAL}}}, "/properties/a/items: `required`"),
        (CLOSED | {"properties": {"a": {"anyOf": [{"type": "null"}, OPEN]}}}, "/properties/a/anyOf/1: "),
        (CLOSED | {"properties": {"a": {"type": ["object", "null"]}}}, "/properties/a: additionalProperties"),
        (CLOSED | {"$defs": {"b": OPEN}}, "/$defs/b: additionalProperties"),
        (CLOSED | {"required": "a"}, "Missing 'a'"),
        (CLOSED | {"properties": ["a"]}, "`properties` must be an object"),
        ({"type": "string"}, 'the schema must have `type: "object"` at its root'),
        (None, "`schema` must be an object"),
    ],
)
def test_a_schema_that_is_not_of_the_strict_form_is_refused(account, line, schema, says):
    batch = account.finish(line("strict", **asking(schema)), line("other", **asking(schema, strict=False)))
    assert list(account.output(batch)) == ["other"], "the form is asked for by `strict` only"
    entry = account.errors(batch)["strict"]
    assert (entry["response"]["status_code"], entry["error"]) == (400, None)
    error = entry["response"]["body"]["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", "response_format")
    assert "code" not in error, "it is the caller's fault, unlike json_validate_failed"
    assert says in error["message"]


def test_a_schema_needs_a_name(account, line):
    entry = account.errors(account.finish(line("a", **asking(CLOSED, name=""))))["a"]
    assert "json_schema.name" in entry["response"]["body"]["error"]["message"]


@pytest.mark.parametrize("model", ["openai/gpt-oss-safeguard-20b", "qwen/qwen3.8-27b"])
def test_strict_is_for_the_models_that_can(account, line, model):
    batch = account.finish(
        line("strict", **asking(CLOSED, model=model)), line("other", **asking(CLOSED, strict=False, model=model))
    )
    jsonschema.validate(json.loads(content(account.output(batch)["other"])), CLOSED)
    error = account.errors(batch)["strict"]["response"]["body"]["error"]
    assert error["message"].startswith(f"The model `{model}` does not support `strict: true`")


@pytest.mark.parametrize("strict", [True, False])
def test_tools_do_not_go_with_it(account, line, strict):
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    batch = account.finish(
        line("schema", **asking(CLOSED, strict=strict, tools=tools)),
        line("object", body={"response_format": {"type": "json_object"}, "tools": tools}),
        line("text", body={"tools": tools}),
        line("none", **asking(CLOSED, strict=strict, tools=[])),
    )
    errors = account.errors(batch)
    assert set(errors) == {"schema", "object"}
    for entry in errors.values():
        assert entry["response"]["status_code"] == 400
        assert "cannot be combined with tool" in entry["response"]["body"]["error"]["message"]


def test_streaming_does_not_go_with_it_and_fails_the_batch_as_without_it(account, line):
    batch = account.finish(line("a", **asking(CLOSED, stream=True)))
    assert (batch["status"], batch["errors"]["data"][0]["param"]) == ("failed", "body.stream")


FLAWS = ["invalid_json", "schema_mismatch", "length"]


@pytest.mark.parametrize("schema", [CLOSED, Review.model_json_schema()], ids=["small", "large"])
@pytest.mark.parametrize("flaw", FLAWS)
def test_an_answer_can_be_made_not_to_fit(groq_emulator, account, line, flaw, schema):
    groq_emulator.set(failing_requests={"bad": flaw})
    batch = account.finish(line("bad", **asking(schema)), line("good", **asking(schema)))
    assert batch["request_counts"] == {"total": 2, "completed": 2, "failed": 0}, "Groq calls it completed"
    output = account.output(batch)
    jsonschema.validate(json.loads(content(output["good"])), schema)
    choice = output["bad"]["response"]["body"]["choices"][0]
    assert choice["finish_reason"] == ("length" if flaw == "length" else "stop")
    if flaw == "schema_mismatch":
        assert set(json.loads(content(output["bad"]))) == set(schema["properties"])
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(json.loads(content(output["bad"])), schema)
    else:
        with pytest.raises(ValueError, match="Expecting|Unterminated"):
            json.loads(content(output["bad"]))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": {"type": "integer"}},
        {"type": "string"},
        {"type": "object", "properties": {"a": {"type": "object"}}},
        {"type": "object"},
    ],
)
def test_json_of_any_kind_can_be_made_not_to_fit(groq_emulator, account, line, schema):
    groq_emulator.set(answers={"*": {"$error": "schema_mismatch"}})
    output = account.output(account.finish(line("a", **asking(schema, strict=False))))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(content(output["a"])), schema)


def test_what_does_not_fit_is_made_of_the_answer_that_is_scripted(groq_emulator, account, line):
    groq_emulator.set(
        answers={"*": {"city": "Köln", "n": {"a": 1}}}, failing_requests={"a": "schema_mismatch", "b": "invalid_json"}
    )
    output = account.output(account.finish(line("a"), line("b")))
    assert json.loads(content(output["a"])) == {"city": {"unexpected": "Köln"}, "n": [{"a": 1}]}
    assert content(output["b"]) == 'Here is the JSON: {"city": "Köln"'
