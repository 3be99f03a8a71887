"""What requests will take, estimated from their lines."""

import json
from dataclasses import asdict

import pytest

from airflow_provider_groq.jobs.money.estimate import Estimate, by_model, for_xcom
from airflow_provider_groq.jobs.requests.form import RequestForm
from airflow_provider_groq.jobs.requests.rows import requests

MODEL = "openai/gpt-oss-20b"


def lines(rows, **options):
    return [request.line for request in requests(rows, RequestForm(MODEL, **options), max_bytes=10**6)]


def test_a_token_is_four_bytes_of_the_body_as_it_is_sent():
    made = lines([{"prompt": "Übel"}, {"prompt": "Hi"}])
    sizes = [
        len(json.dumps(json.loads(line)["body"], ensure_ascii=False, separators=(",", ":")).encode()) for line in made
    ]
    found = by_model(made)[MODEL]
    assert found.prompt_tokens == sum(-(-size // 4) for size in sizes)
    assert (found.rows, found.bytes) == (2, sum(map(len, made)))


@pytest.mark.parametrize(
    ("bodies", "most"),
    [
        ([{"max_completion_tokens": 5}, {"max_tokens": 7}], 12),
        ([{"max_completion_tokens": 5, "max_tokens": 7}], 5),
        ([{"max_completion_tokens": 5}, {}], None),
        ([{"max_completion_tokens": "5"}], None),
        ([{"max_completion_tokens": True}], None),
        ([{"max_tokens": 0}], None),
    ],
)
def test_completion_tokens_are_known_where_each_row_has_a_limit(bodies, most):
    made = lines([{"prompt": "Hi", "request": body} for body in bodies])
    assert by_model(made)[MODEL].completion_tokens == most


def test_each_model_is_told_apart_the_commonest_first():
    made = lines([{"prompt": "Hi", "request": {"model": model, "max_tokens": 3}} for model in "abb"])
    assert [(model, found.rows, found.completion_tokens) for model, found in by_model(made).items()] == [
        ("b", 2, 6),
        ("a", 1, 3),
    ]


def test_recordings_have_no_tokens():
    made = lines([{"audio_url": "https://example.com/a.mp3"}], endpoint="/v1/audio/transcriptions")
    assert by_model(made) == {MODEL: Estimate(1, len(made[0]), None, None)}


def test_of_many_models_the_rest_is_one():
    found = {f"model-{number}": Estimate(100 - number, 10, 5, None, 1.0) for number in range(50)}
    short = for_xcom(found)
    assert len(short) == 20
    rest = Estimate(sum(100 - number for number in range(19, 50)), 310, 155, None, 31.0)
    assert short["others"] == asdict(rest)
    found["model-49"].cost = None
    assert for_xcom(found)["others"]["cost"] is None


def test_however_long_the_names_of_models_are_all_fits_into_an_xcom():
    found = {f"{'m' * 2_000}-{number}": Estimate(1, 10) for number in range(50)}
    short = for_xcom(found)
    assert len(json.dumps(short)) < 15_000
    assert sum(model["rows"] for model in short.values()) == 50
