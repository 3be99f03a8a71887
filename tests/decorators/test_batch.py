"""``@task.groq_batch``, on real Airflow."""

import pytest
from airflow.sdk import DAG, task

from airflow_provider_groq.answers import read_answers
from airflow_provider_groq.exceptions import GroqInputError

BRACES = "{{ 1 + 1 }} {% if %} {# no comment #}"
MODEL = "openai/gpt-oss-20b"


@pytest.fixture
def answers(run_dag, groq_emulator, tmp_path):
    """Runs the Dag of all functions once; gives the answers of a task, whose text is its prompt."""
    groq_emulator.set(seconds=0)
    groq_emulator.answer_with(lambda request: request["body"]["messages"][-1]["content"])
    ran = run_dag("decorated", output_path=str(tmp_path))
    assert ran.state == "success"

    def of(task_id, map_index=-1):
        (manifest,) = ran.xcom(task_id, map_index=map_index)
        return list(read_answers(manifest))

    of.ran = ran
    return of


def test_functions_get_and_give_rows_in_every_way(answers):
    """One Dag run shows all: it takes longer than what is checked."""
    (upstream,) = answers("from_upstream")
    assert (upstream.custom_id, upstream.output) == ("7", f"Sentiment of: {BRACES}")
    assert upstream.input == {"text": BRACES}

    first, second = answers("generated")
    assert (first.output, first.input) == (BRACES, None)
    assert (second.output, second.input) == ("second", {"kept": BRACES})

    (of_context,) = answers("of_context")
    greeting, on, ds, task_id, run_id = of_context.output.split()
    assert (greeting, on, task_id, ds) == ("Hello", "on", "of_context", run_id.removeprefix("manual__")[:10])

    assert [answers("mapped", index)[0].output for index in (0, 1)] == ["house in French", "house in German"]

    # A function that says "-> dict" still returns one value, the manifest.
    (annotated,) = answers("annotated")
    assert annotated.output == "first"
    assert answers.ran.xcom("annotated", key="rows") == []


def ask():
    return ["first"]


def made(function=ask, **kwargs):
    with DAG("made", schedule=None):
        return task.groq_batch(**{"model": MODEL, "output_path": "/nowhere"} | kwargs)(function)().operator


def test_a_template_that_looks_like_jinja_is_refused_when_the_dag_is_parsed():
    with pytest.raises(GroqInputError, match="looks like Jinja"):
        made(prompt_template="{{ ds }}: {text}")


@pytest.mark.parametrize("argument", ["rows", "input_path"])
def test_the_rows_are_those_of_the_function_alone(argument):
    with pytest.raises(GroqInputError, match=f"takes no {argument}"):
        made(**{argument: ["/rows.jsonl"]})


async def coroutine():
    return ["first"]


async def generator():
    yield "first"


@pytest.mark.parametrize("function", [coroutine, generator])
def test_an_async_function_is_refused_when_the_dag_is_parsed(function):
    with pytest.raises(GroqInputError, match=f"{function.__name__} is async"):
        made(function)


def test_its_name_is_shown_in_airflow():
    assert made().operator_name == "@task.groq_batch"
