"""What holds for all rows is checked when the Dag is parsed."""

import subprocess
import sys

import pytest
from jobs.row_requests import ANSWER, MODEL, SPEECH, USER

from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.jobs.requests.form import CHAT, RequestForm


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
from airflow_provider_groq.jobs.requests.form import RequestForm
RequestForm("m", prompt_template="{text}", params={"seed": 1})
print(*sys.modules)
"""
    loaded = subprocess.run(
        [sys.executable, "-c", source], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.split()
    assert "airflow_provider_groq.jobs.requests.template" in loaded
    assert not {"pydantic", "jsonschema", "msgspec", "sqlite3"} & set(loaded)
