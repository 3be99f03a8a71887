"""Requests that are made of rows, as tests read them."""

import json

import pytest

from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.jobs.requests.form import CHAT, RequestForm
from airflow_provider_groq.jobs.requests.rows import requests

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
