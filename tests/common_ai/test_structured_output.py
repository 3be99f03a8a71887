"""``output_type``: what models are told, and what is made of their answers."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

import pytest
from common_ai.conftest import LOOSE, imported
from pydantic import BaseModel

from airflow_provider_groq.emulator.strict_form import problem_of_strict

exceptions = imported("exceptions")


class Mood(BaseModel):
    mood: Literal["good", "bad"]
    since: date
    reason: str = "unknown"
    tags: list[str] = []


class Node(BaseModel):
    name: str
    children: list[Node] = []


MOOD = {"mood": "good", "since": "2026-01-31", "reason": None, "tags": None}
"""As a model that is held to the schema says what it leaves out."""

LANDED = MOOD | {"reason": "unknown", "tags": []}


@pytest.mark.parametrize(
    ("output_type", "answer", "landed"),
    [
        (Mood, MOOD, LANDED),
        (list[Mood], {"value": [MOOD, MOOD]}, [LANDED, LANDED]),
        (Mood | int, {"value": MOOD}, LANDED),
        (int, {"value": 7}, 7),
        (Literal["a", "b"], {"value": "b"}, "b"),
        (Node, {"name": "a", "children": [{"name": "b", "children": None}]}, None),
    ],
)
def test_models_are_held_to_the_type_and_answers_have_it(tries, output_type, answer, landed):
    tries.emulator.set(answers={"*": answer})
    manifest = tries.run(output_type=output_type)
    assert manifest["counts"]["succeeded"] == 3
    if landed is None:
        landed = {"name": "a", "children": [{"name": "b", "children": []}]}
    assert [row["output"] for row in tries.rows()] == 3 * [landed]
    for body in tries.bodies():
        form = body["response_format"]["json_schema"]
        assert form["strict"] is True
        assert problem_of_strict(form["schema"], form["name"]) is None


def test_what_the_emulator_makes_of_the_schema_fits(tries):
    assert tries.run(output_type=list[Node])["counts"]["succeeded"] == 3


def test_a_model_that_cannot_be_held_to_the_type_may_put_its_answer_into_a_fence(tries):
    tries.emulator.set(answers={"*": '```json\n{"value": 7}\n```'})
    manifest = tries.run(output_type=int, model_id=f"groq:{LOOSE}")
    assert manifest["counts"]["succeeded"] == 3
    assert tries.bodies()[0]["response_format"]["json_schema"]["strict"] is False


@pytest.mark.parametrize("answer", ["no JSON", "7", '{"value": NaN}', '{"mood": "so so", "since": "2026-01-31"}', "[]"])
def test_what_does_not_fit_is_kept_as_it_was_said(tries, answer):
    tries.emulator.set(answers={"*-1": answer, "*": MOOD})
    manifest = tries.run(output_type=Mood, model_id=f"groq:{LOOSE}")
    assert (manifest["counts"]["succeeded"], manifest["counts"]["invalid_output"]) == (2, 1)
    row = tries.rows()[1]
    assert (row["status"], row["raw_output"], row["output"]) == ("invalid_output", answer, None)
    assert row["error"]["message"]


def test_no_answer_at_all_is_invalid(tries):
    tries.emulator.answer_with(
        lambda _: {"$body": {"choices": [{"message": {"content": None}, "finish_reason": "stop"}]}, "$status": 200}
    )
    assert tries.run(output_type=Mood)["counts"]["invalid_output"] == 3


class Shapeless:
    pass


@pytest.mark.parametrize("output_type", [Any, dict[str, int], Shapeless, list[Any], tuple[int, str], print, None])
def test_a_type_without_a_schema_that_models_can_be_held_to_is_refused(tries, output_type):
    with pytest.raises(exceptions.LLMBatchOutputTypeError, match="output_type"):
        tries.run(output_type=output_type)
    assert not tries.emulator.requests()


def test_the_message_names_the_place_and_what_to_do(tries):
    with pytest.raises(exceptions.LLMBatchOutputTypeError, match="free keys.*name the keys as fields"):
        tries.run(output_type=dict[str, int])
