"""The ids of rows: text, and each of another."""

import json
import re
import subprocess
import sys
from datetime import date
from decimal import Decimal
from enum import StrEnum
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jobs.row_requests import (
    WHOLE,
    made,
    refusal,
)

from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.jobs.requests import unique_ids


class Name(StrEnum):
    EMPTY = ""
    BLANK = " "


@pytest.mark.parametrize(
    ("value", "text"),
    [(7, "7"), (7.5, "7.5"), (Decimal("7.50"), "7.50"), ("ü\u2028", "ü\u2028"), (date(2026, 1, 2), "2026-01-02")],
)
def test_an_id_is_made_text(value, text):
    (request,) = made([{"custom_id": value, "prompt": "Hi"}])
    assert request.custom_id == json.loads(request.line)["custom_id"] == text
    (whole,) = made([{**WHOLE, "custom_id": value}])
    assert whole.custom_id == json.loads(whole.line)["custom_id"] == text


@pytest.fixture(params=[0, 1, 3, 1000])
def together(request, monkeypatch):
    monkeypatch.setattr(unique_ids, "TOGETHER", request.param)


@pytest.mark.parametrize(
    ("ids", "first", "second", "shown"),
    [
        (["a", "b", "c", "d", "e", "f", "a"], 0, 6, "'a'"),
        (["a", "b", "b", "a"], 1, 2, "'b'"),
        ([1, 2, 3, 4, "2"], 1, 4, "'2'"),
        ([None, "x", "row-0"], 0, 2, "'row-0'"),
    ],
)
def test_equal_ids_are_found_however_far_apart(together, ids, first, second, shown):
    rows = [{"prompt": "Hi"} | ({} if custom_id is None else {"custom_id": custom_id}) for custom_id in ids]
    assert refusal(rows).startswith(f"Rows {first} and {second} (counted from 0) have the same custom_id {shown}")


def found_equal(ids):
    """The rows that are said to have the same id."""
    with unique_ids.UniqueIds() as kept:
        try:
            for row, custom_id in enumerate(ids):
                kept.add(custom_id, row)
            kept.check()
        except GroqInputError as error:
            return tuple(map(int, re.match(r"Rows (\d+) and (\d+) ", str(error)).groups()))
    return None


@given(st.lists(st.text("ab\u2028é", min_size=1, max_size=3), max_size=12), st.integers(0, 5))
def test_equal_ids_and_only_those_are_found(ids, together):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unique_ids, "TOGETHER", together)
        found = found_equal(ids)
    equal = [pair for pair in combinations(range(len(ids)), 2) if ids[pair[0]] == ids[pair[1]]]
    assert found in (equal or [None])


@pytest.mark.parametrize("value", [Name.EMPTY, Name.BLANK])
def test_an_id_without_text_is_refused_also_as_the_member_of_an_enumeration(value):
    assert "custom_id is" in refusal([{"custom_id": value, "prompt": "Hi"}])
    assert "must not be empty" in refusal([{"custom_id": value, "prompt": "Hi"}])


FULL = """
import resource
import signal

from airflow_provider_groq.jobs.requests import unique_ids

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
unique_ids.TOGETHER = 100
with unique_ids.UniqueIds() as ids:
    for row in range(1_000):
        ids.add(f"{'x' * 100}{row}", row)
    ids.check()
"""


def test_a_temporary_file_without_room_is_no_fault_of_the_rows():
    """In a process that may write only small files."""
    done = subprocess.run([sys.executable, "-c", FULL], stderr=subprocess.PIPE, text=True, check=False)
    *_, error = done.stderr.splitlines()
    assert "GroqStorageError: The temporary file in which equal custom_ids are found cannot be used" in error
    assert "File too large" in error
    assert "TMPDIR" in error


def test_of_many_equal_ids_the_first_row_that_repeats_one_is_named(together):
    ids = [str(number % 40) for number in range(100)]
    assert found_equal(ids) == (0, 40)
