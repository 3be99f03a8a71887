"""The partitions of rows: which keys they may have, and how many."""

import json
import tracemalloc

import pytest

from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.jobs.partitions import MAX_PARTITIONS, Partitions
from airflow_provider_groq.jobs.records import Request
from airflow_provider_groq.jobs.requests.form import RequestForm
from airflow_provider_groq.jobs.requests.rows import requests

FORM = RequestForm(model="openai/gpt-oss-20b", prompt_template="What is {text}?")


def keys(*days):
    """The partitions of rows with these days, through all that is done with rows."""
    partitions = Partitions("day")
    rows = [{"text": "a thing", "day": day} for day in days]
    checked = list(partitions.checked(requests(rows, FORM, max_bytes=1_000_000)))
    assert len(checked) == len(rows)
    return partitions.keys


def test_each_value_is_a_key_once():
    assert keys("2026-11-24", "2026-11-25", "2026-11-24") == {"2026-11-24", "2026-11-25"}


def test_what_is_carried_as_text_is_one():
    from datetime import date
    from uuid import UUID

    id_ = UUID(int=7)
    assert keys(date(2026, 11, 24), id_, "None") == {"2026-11-24", str(id_), "None"}


def test_a_whole_number_is_the_same_key_as_its_text():
    assert keys(20261124, "20261124") == {"20261124"}


@pytest.mark.parametrize("text", ['"', "\\", "\n a", "\U0001f469", "\x85\u2028", "\0"])
def test_any_text_may_be_in_it(text):
    assert keys(f"day {text}") == {f"day {text}"}


def test_a_lone_surrogate_is_the_character_that_is_carried_in_its_place():
    assert keys("day \ud800") == {"day \ufffd"}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "is None, but the key of a partition must be a text or a whole number"),
        (True, "is True, but the key of a partition must be a text or a whole number"),
        (1.5, "is 1.5, but"),
        (["a"], "is ['a'], but"),
        ({}, "is {}, but"),
        ("", "is '', but the key of a partition must not be empty"),
        (" \n", "must not be empty"),
        ("x" * 251, "a text of 251 characters, but the key of a partition has at most 250"),
        (10**300, "a text of 301 characters"),
    ],
)
def test_what_can_be_no_key_is_refused_by_row_and_column(value, said):
    with pytest.raises(GroqInputError) as error:
        keys("2026-11-24", value)
    assert said in str(error.value)
    assert str(error.value).startswith("Row 1 (counted from 0): column 'day' ")
    assert str(error.value).endswith(". Nothing was sent.")


def test_a_row_without_the_column_is_refused_with_those_that_it_has():
    partitions = Partitions("day")
    made = requests([{"text": "a", "hour": 3}], FORM, max_bytes=1_000_000)
    with pytest.raises(GroqInputError, match="has no column 'day'.*its carried columns are 'text', 'hour'"):
        list(partitions.checked(made))


def test_a_row_that_carries_nothing_is_refused():
    made = requests(["a text"], RequestForm(model="openai/gpt-oss-20b"), max_bytes=1_000_000)
    with pytest.raises(GroqInputError, match="its carried columns are none"):
        list(Partitions("day").checked(made))


def test_too_many_are_refused_at_the_row_that_is_too_much():
    days = [f"day-{number}" for number in range(MAX_PARTITIONS)]
    assert len(keys(*days, *days)) == MAX_PARTITIONS
    with pytest.raises(GroqInputError, match="Row 500 .* column 'day' has more than 500 different values"):
        keys(*days, "one more")


def test_other_columns_may_hold_what_no_key_can():
    partitions = Partitions("day")
    made = requests([{"text": "a", "day": "x", "half an emoji": "\ud83d"}], FORM, max_bytes=1_000_000)
    assert len(list(partitions.checked(made))) == 1
    assert partitions.keys == {"x"}


def test_memory_does_not_grow_with_the_rows():
    def peak(count):
        made = (
            Request(f"row-{number}", b"", "", "", json.dumps({"text": "x", "day": f"day-{number % 100}"}).encode())
            for number in range(count)
        )
        tracemalloc.start()
        for _ in Partitions("day").checked(made):
            pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(100)
    assert peak(5_000) < peak(1_000) + 50_000
