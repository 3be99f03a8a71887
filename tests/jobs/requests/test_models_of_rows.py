"""Without ``model``, each row names its own."""

import json

import pytest

from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.jobs.requests.form import CHAT, RequestForm
from airflow_provider_groq.jobs.requests.rows import requests

STRICT, OTHER = "openai/gpt-oss-20b", "qwen/qwen3.8-27b"
SPEECH = "/v1/audio/transcriptions"
USER = [{"role": "user", "content": "Hi"}]
WHOLE = {"custom_id": "a", "method": "POST", "url": CHAT, "body": {"model": OTHER, "messages": USER}}
ANSWER = {"type": "json_schema", "json_schema": {"name": "a", "strict": False, "schema": {"type": "object"}}}


def made(*rows, **arguments):
    return list(requests(rows, RequestForm(**arguments), max_bytes=1_000_000))


@pytest.mark.parametrize(
    "row",
    [
        WHOLE,
        {"prompt": "Hi", "request": {"model": OTHER}},
        {"messages": USER, "request": {"model": OTHER}},
        {"body": {"messages": USER, "model": OTHER}},
        {"audio_url": "https://a.example/a.mp3", "endpoint": SPEECH, "request": {"model": OTHER}},
        {"body": {"url": "https://a.example/a.mp3", "model": OTHER}, "endpoint": SPEECH},
    ],
)
def test_a_row_may_name_its_model_in_every_way(row):
    (request,) = made(row)
    assert request.model == json.loads(request.line)["body"]["model"] == OTHER


@pytest.mark.parametrize(
    "row",
    [
        "Hi",
        {"prompt": "Hi", "model": OTHER},  # a column, which is carried
        {"prompt": "Hi", "request": {"model": None}},
        {"body": {"messages": USER}},
        {"audio_url": "https://a.example/a.mp3", "endpoint": SPEECH},
    ],
)
def test_a_row_without_a_model_is_refused_by_its_number(row):
    with pytest.raises(GroqInputError, match=r"^Row 1 \(counted from 0\): names no model: set the argument model, or"):
        made(WHOLE, row)


def test_a_template_needs_a_model_since_its_rows_name_none():
    with pytest.raises(GroqInputError, match="prompt_template needs model"):
        RequestForm(prompt_template="{text}")


@pytest.mark.parametrize(("model", "strict"), [(STRICT, True), (OTHER, False)])
def test_each_rows_model_decides_whether_it_is_held_to_the_schema(model, strict):
    (request,) = made({"prompt": "Hi", "request": {"model": model}}, response_format=ANSWER)
    assert json.loads(request.line)["body"]["response_format"]["json_schema"]["strict"] is strict


def test_what_is_no_model_is_refused_where_there_is_a_schema_too():
    with pytest.raises(GroqInputError, match=r"Row 0 .*names the model \['x'\], but it must be non-empty text"):
        made({"prompt": "Hi", "request": {"model": ["x"]}}, response_format=ANSWER)


def test_requests_are_the_same_wherever_the_model_is_named():
    (one,) = made({"prompt": "Hi", "request": {"model": OTHER}})
    (other,) = made("Hi", model=OTHER)
    assert one == other
