"""Rows that need not be sent, found by the digest of their request."""

import subprocess
import sys
from contextlib import closing
from itertools import chain, cycle, islice, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jobs.apart.test_duplicates import rows_asking

from airflow_provider_groq.jobs import groups
from airflow_provider_groq.jobs.apart.index import Elsewhere, Place, RequestIndex, key_of, owner_of

ANSWERS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20), st.booleans(), st.booleans()), max_size=12)
"""The word that was asked, the row that it was asked for, whether the answer is cut off, and whether it is shared."""


def found(words, answers=(), *, dedupe=False):
    """What is found for rows that ask these words, where there are these answers."""
    with closing(RequestIndex()) as index:
        known = [
            (key_of(f"{ord(word):032x}"), owner_of(f"row-{row}"), place)
            for (word, row, *_), place in zip(answers, places(answers), strict=True)
        ]
        assert index.add_answers(known) == len(known)
        return list(index.elsewhere(rows_asking(words), dedupe=dedupe))


def places(answers):
    return [Place(cut_off, at // 3, at, 9, shared) for at, (_, _, cut_off, shared) in enumerate(answers)]


def answers_to(word, answers):
    """The answers to a word, by the row that they were for; of several for one row the best."""
    best = {}
    for (asked, row, *_), place in zip(answers, places(answers), strict=True):
        if asked == word:
            best[row] = min(place, best.get(row, place))
    return best


@given(words=st.text("abcde", max_size=60), answers=ANSWERS)
def test_with_dedupe_rows_that_ask_the_same_get_the_best_answer_or_that_of_the_first(words, answers):
    expected = []
    for number, word in enumerate(words):
        if known := answers_to(word, answers):
            expected.append(Elsewhere(number, min(known.values())))
        elif words.index(word) < number:
            expected.append(Elsewhere(number, None, words.index(word)))
    assert found(words, answers, dedupe=True) == expected


@given(words=st.text("abcde", max_size=60), answers=ANSWERS)
def test_without_it_a_row_gets_its_own_answer_or_one_that_is_left_or_one_that_is_shared(words, answers):
    rows = found(words, answers)
    assert [row.number for row in rows] == sorted({row.number for row in rows})
    assert {row.original for row in rows} <= {None}
    for word in set(words):
        asking = [number for number, asked in enumerate(words) if asked == word]
        known = answers_to(word, answers)
        got = {row.number: row.answer for row in rows if row.number in asking}
        own = {number: known[number] for number in asking if number in known}
        assert got.items() >= own.items()
        others = [got.get(number) for number in asking if number not in own]
        left = sorted(place for row, place in known.items() if row not in own)
        shared = sorted(place for place in known.values() if place.is_shared)
        if whole := [place for place in shared if not place.is_cut_off]:
            left, shared = [place for place in left if not place.is_cut_off], whole
        assert others == list(islice(chain(left, cycle(shared), repeat(None)), len(others)))


def test_samples_of_one_prompt_keep_their_answers_when_their_rows_change_places():
    """The first row that asks has the id of one that did, the others have new ones, and one is sent."""
    answers = [("a", number, False, False) for number in range(3)]
    rows = found("baa" + 17 * "b" + "aa", answers)
    assert [(row.number, row.answer.start) for row in rows] == [(1, 1), (2, 2), (20, 0)]


def test_an_answer_that_is_cut_off_is_shared_only_where_there_is_no_other():
    answers = [("a", 50, True, True), ("a", 51, False, True)]
    assert [row.answer.start for row in found("aaa", answers)] == [1, 1, 1]
    assert [row.answer.start for row in found("aaa", answers[:1])] == [0, 0, 0]


def test_many_are_found_in_parts(monkeypatch):
    monkeypatch.setattr(groups, "TOGETHER", 3)
    rows = found("abcabcdabcde", [(word, 0, False, False) for word in "zyxwv"], dedupe=True)
    assert [(row.number, row.original) for row in rows] == [(3, 0), (4, 1), (5, 2), (7, 0), (8, 1), (9, 2), (10, 6)]


def test_a_digest_that_is_none_is_equal_to_no_other():
    rows = [type(row)(row.index, row.custom_id, "no digest", row.input) for row in rows_asking("aa")]
    with closing(RequestIndex()) as index:
        assert list(index.elsewhere(rows, dedupe=True)) == []


FULL = """
import resource
import signal
import sys

import msgspec

from airflow_provider_groq.jobs import groups
from airflow_provider_groq.jobs.apart.index import Place, RequestIndex
from airflow_provider_groq.jobs.records import RowRecord

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
groups.TOGETHER = 100
digests = [f"{number:032x}" for number in range(1_000)]
index = RequestIndex()
if sys.argv[1] == "answers":
    index.add_answers((bytes.fromhex(digest), 0, Place(False, 0, 0, 1)) for digest in digests)
rows = (RowRecord(number, "", digest, msgspec.Raw(b"null")) for number, digest in enumerate(digests))
list(index.elsewhere(rows, dedupe=True))
"""


@pytest.mark.parametrize("what", ["rows", "answers"])
def test_a_temporary_file_without_room_is_no_fault_of_the_storage(what):
    """In a process that may write only small files."""
    done = subprocess.run([sys.executable, "-c", FULL, what], stderr=subprocess.PIPE, text=True, check=False)
    *_, error = done.stderr.splitlines()
    assert "GroqStorageError: The temporary file in which requests are compared cannot be used" in error
    assert "File too large" in error
    assert "TMPDIR" in error
