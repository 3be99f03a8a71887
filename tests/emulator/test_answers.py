"""What the emulator answers to a request: it depends on the request, and on nothing else."""

import json

import jsonschema
import pytest

USAGE = {
    "queue_time",
    "prompt_tokens",
    "prompt_time",
    "completion_tokens",
    "completion_time",
    "total_tokens",
    "total_time",
}


def schema_format(schema, *, strict=False):
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": strict}}


def content(body):
    return body["choices"][0]["message"]["content"]


def test_a_chat_completion_is_as_groq_gives_it(account, line):
    body = account.answer(line(text="Tell me about Airflow"))
    assert body["object"] == "chat.completion"
    assert body["id"].startswith("chatcmpl-")
    assert body["model"] == "openai/gpt-oss-20b"
    assert body["service_tier"] == "batch"
    (choice,) = body["choices"]
    reasoning = choice["message"].pop("reasoning")
    assert "Tell me about Airflow" in reasoning
    assert choice == {
        "index": 0,
        "message": {"role": "assistant", "content": "Emulated answer to: Tell me about Airflow"},
        "logprobs": None,
        "finish_reason": "stop",
    }
    usage = body["usage"]
    assert set(usage) == USAGE | {"completion_tokens_details"}
    assert 0 < usage["completion_tokens_details"]["reasoning_tokens"] < usage["completion_tokens"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["total_time"] == pytest.approx(usage["prompt_time"] + usage["completion_time"])


@pytest.mark.parametrize("model", ["openai/gpt-oss-20b", "openai/gpt-oss-120b", "openai/gpt-oss-safeguard-20b"])
def test_the_reasoning_effort_decides_how_much_is_reasoned(account, line, model):
    def tokens(**body):
        usage = account.answer(line(body={"model": model} | body))["usage"]
        return usage["completion_tokens_details"]["reasoning_tokens"], usage["completion_tokens"]

    efforts = [tokens(reasoning_effort=effort) for effort in ("low", "medium", "high")]
    assert efforts == sorted(efforts)
    assert len(set(efforts)) == 3
    assert tokens() == tokens(reasoning_effort=None) == tokens(reasoning_effort=["high"]) == efforts[1]


@pytest.mark.parametrize("hidden", [{"include_reasoning": False}, {"reasoning_format": "hidden"}])
def test_reasoning_that_is_not_wanted_is_left_out_but_counted(account, line, hidden):
    body = account.answer(line(body=hidden))
    assert "reasoning" not in body["choices"][0]["message"]
    assert body["usage"]["completion_tokens_details"]["reasoning_tokens"] > 0


def test_another_chat_model_does_not_reason(account, line):
    body = account.answer(line(body={"model": "qwen/qwen3.8-27b", "reasoning_effort": "high"}))
    assert set(body["choices"][0]["message"]) == {"role", "content"}
    assert set(body["usage"]) == USAGE
    assert body["service_tier"] == "batch"


def test_the_same_request_has_the_same_answer_and_another_has_another(groq_emulator, account, line):
    first = account.answer(line("a", text="one"))
    groq_emulator.reset()
    again = account.answer(line("b", text="one"))
    other = account.answer(line("a", text="two"))
    volatile = ("created", "x_groq")
    assert {k: v for k, v in first.items() if k not in volatile} == {
        k: v for k, v in again.items() if k not in volatile
    }
    assert content(first) != content(other)


@pytest.mark.parametrize(
    "text", ["é 漢字 \U0001f600", "null \u0000 byte", "lone \ud800 half", "{{ ds }} {% raw %}", "\t\r\n "]
)
def test_a_prompt_survives_as_it_is(account, line, text):
    assert content(account.answer(line(text=text))) == f"Emulated answer to: {text}"


def test_text_parts_of_a_message_are_read_and_images_are_not(account, line):
    parts = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
    ]
    body = account.answer(line(body={"messages": [{"role": "user", "content": parts}]}))
    assert content(body) == "Emulated answer to: What is this?"


def test_only_what_the_user_said_is_echoed(account, line):
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
    assert content(account.answer(line(body={"messages": messages}))) == "Emulated answer to: Why?"
    assert content(account.answer(line(body={"messages": messages[:1]}))) == "Emulated answer to: Be brief."


def test_answers_can_be_made_longer(groq_emulator, account, line):
    groq_emulator.set(answer_chars=2000)
    assert len(content(account.answer(line()))) == 2000


def test_a_json_object_where_one_is_asked_for(account, line):
    body = account.answer(line(text="Hi", body={"response_format": {"type": "json_object"}}))
    assert json.loads(content(body)) == {"answer": "Emulated answer to: Hi"}


CATEGORIES = ["web framework", "database", "testing", "cloud"]


def classify(account, line, text):
    schema = {
        "type": "object",
        "properties": {"category": {"type": "string", "enum": CATEGORIES}},
        "required": ["category"],
        "additionalProperties": False,
    }
    body = account.answer(line(text=text, body={"response_format": schema_format(schema)}))
    return json.loads(content(body))["category"]


@pytest.mark.parametrize(
    ("summary", "category"),
    [
        ("pytest: simple powerful testing with Python", "testing"),
        ("Flask: a simple framework for building complex web applications", "web framework"),
        ("SQLAlchemy: Database Abstraction Library", "database"),
        ("boto3: the SDK for the cloud of Amazon", "cloud"),
    ],
)
def test_an_enum_gets_the_option_that_the_text_speaks_of(account, line, summary, category):
    assert classify(account, line, summary) == category
    # A prompt that lists the options itself leads to no other.
    assert classify(account, line, f"Sort into one of: {', '.join(CATEGORIES)}.\n{summary}") == category


def test_an_enum_that_the_text_does_not_speak_of_is_drawn(account, line):
    drawn = {classify(account, line, f"Nothing known {number}") for number in range(12)}
    assert len(drawn) > 1
    assert classify(account, line, "Nothing known 0") == classify(account, line, "Nothing known 0")


NODE = {
    "type": "object",
    "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
    "required": ["next"],
}
SCHEMAS = [
    {"type": "string", "minLength": 5, "maxLength": 8},
    {"type": "string", "format": "date"},
    {"type": "integer", "minimum": 3, "maximum": 5},
    {"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 5},
    {"type": "integer", "maximum": -10, "multipleOf": 5},
    {"type": "number", "minimum": 0, "maximum": 1},
    {"type": "number", "exclusiveMaximum": 0.5, "multipleOf": 0.25},
    {"type": "boolean"},
    {"type": "null"},
    {"type": ["null", "integer"]},
    {"const": {"a": [1]}},
    {"enum": [1, None, "three"]},
    {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 3},
    {"type": "array", "items": {"enum": ["a", "b", "c"]}, "minItems": 2, "uniqueItems": True},
    {"type": "array", "maxItems": 0},
    {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a", "b"]},
    {"properties": {"a": {"items": {"type": "boolean"}}}, "required": ["a"]},
    {"anyOf": [{"type": "null"}, {"type": "integer"}]},
    {"oneOf": [{"type": "object", "properties": {"kind": {"const": "x"}}, "required": ["kind"]}]},
    {
        "allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}],
        "$defs": {
            "a": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
            "b": {"type": "object", "properties": {"b": {"type": "boolean"}}, "required": ["b"]},
        },
    },
    {"$ref": "#/$defs/node", "$defs": {"node": NODE}},
    {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#"}}}, "required": ["children"]},
    {},
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=range(len(SCHEMAS)))
def test_an_answer_satisfies_its_schema(account, line, schema):
    lines = [line(str(n), text=f"Text {n}", body={"response_format": schema_format(schema)}) for n in range(5)]
    for entry in account.output(account.finish(*lines)).values():
        jsonschema.validate(json.loads(content(entry["response"]["body"])), schema)


@pytest.mark.parametrize(
    "schema",
    [
        None,
        True,
        {"$ref": "#/$defs/missing"},
        {"$ref": "#"},
        {"allOf": [{"$ref": "#"}]},
        {"anyOf": []},
        {"enum": []},
        {"type": "integer", "minimum": "low", "multipleOf": 0},
        {"type": "array", "minItems": "few"},
        {"type": "object", "properties": [], "required": [1]},
        {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
        {"type": 7},
    ],
)
def test_a_schema_that_makes_no_sense_is_answered_all_the_same(account, line, schema):
    body = account.answer(line(body={"response_format": schema_format(schema)}))
    json.loads(content(body))


@pytest.mark.parametrize(
    "response_format", ["json", {"type": "json_schema"}, {"type": "json_schema", "json_schema": 1}, {}]
)
def test_a_response_format_that_makes_no_sense_is_answered_all_the_same(account, line, response_format):
    assert content(account.answer(line(body={"response_format": response_format})))
