"""Rows that need not be sent, found by the digest of their request."""

from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jobs.apart.test_duplicates import rows_asking

from airflow_provider_groq.exceptions import GroqStorageError
from airflow_provider_groq.jobs.apart import index as module
from airflow_provider_groq.jobs.apart.index import Elsewhere, Place, RequestIndex, key_of


def found(words, *, dedupe, answers=()):
    rows = rows_asking(words)
    with closing(RequestIndex()) as index:
        known = [(key_of(f"{ord(word):032x}"), word.isupper(), at, 0, 9) for at, word in enumerate(answers)]
        assert index.add_answers(known) == len(known)
        return list(index.elsewhere(rows, dedupe=dedupe))


@given(words=st.text("abcde", max_size=60), answers=st.text("abc", max_size=6), dedupe=st.booleans())
def test_a_row_is_elsewhere_if_it_is_answered_or_if_one_before_it_asks_the_same(words, answers, dedupe):
    """An answer goes before an original: of several answers the first is given, to each row that asks the same."""
    expected = []
    for number, word in enumerate(words):
        place = Place(answers.index(word), 0, 9) if word in answers else None
        if place is not None or (dedupe and words.index(word) < number):
            expected.append(Elsewhere(number, words.index(word), place))
    assert found(words, dedupe=dedupe, answers=answers) == expected


def test_an_answer_that_is_cut_off_goes_after_one_that_is_whole():
    with closing(RequestIndex()) as index:
        key = key_of(rows_asking("a")[0].digest)
        index.add_answers([(key, True, 0, 0, 1), (key, False, 1, 5, 2), (key, False, 1, 4, 2)])
        assert [row.answer for row in index.elsewhere(rows_asking("a"), dedupe=False)] == [Place(1, 4, 2)]


def test_many_rows_are_found_in_parts(monkeypatch):
    monkeypatch.setattr(module, "INSERTED", 3)
    pairs = [(row.number, row.original) for row in found("abcabcdabcde", dedupe=True, answers="zyxwv")]
    assert pairs == [(3, 0), (4, 1), (5, 2), (7, 0), (8, 1), (9, 2), (10, 6)]


def test_a_digest_that_is_none_is_equal_to_no_other():
    rows = [type(row)(row.index, row.custom_id, "no digest", row.input) for row in rows_asking("aa")]
    with closing(RequestIndex()) as index:
        assert list(index.elsewhere(rows, dedupe=True)) == []


def test_rows_and_answers_meet_in_the_order_of_their_digests():
    """However many equal answers and rows there are, one answer is looked up for each row, and nothing else sorted."""
    with closing(RequestIndex()) as index:
        plan = str(index._database.execute(f"EXPLAIN QUERY PLAN {module.ELSEWHERE}", (True,)).fetchall())
    assert "SEARCH best USING PRIMARY KEY (digest=?)" in plan


@pytest.mark.parametrize(
    "fill",
    [
        lambda index: list(index.elsewhere(rows_asking("ab" * 500), dedupe=True)),
        lambda index: index.add_answers((key_of(f"{number:032x}"), False, 0, 0, 1) for number in range(1000)),
    ],
    ids=["rows", "answers"],
)
def test_a_temporary_file_without_room_is_no_fault_of_the_storage(fill):
    with closing(RequestIndex()) as index:
        index._database.execute("PRAGMA max_page_count = 6")
        with pytest.raises(GroqStorageError, match=r"in which requests are compared .*disk is full.*TMPDIR"):
            fill(index)
