"""Rows that need not be sent, found by the digest of their request."""

import subprocess
import sys
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jobs.apart.test_duplicates import rows_asking

from airflow_provider_groq.jobs import groups
from airflow_provider_groq.jobs.apart.assignment import Candidate, Elsewhere, Place, name_of
from airflow_provider_groq.jobs.apart.index import RequestIndex, key_of


def answer(word, row, at):
    """An answer to a word, that a row had."""
    name = name_of(f"row-{row}")
    key = key_of(f"{ord(word):032x}")
    return Candidate(key, name, name, is_cut_off=False, is_copy=False, is_shared=False, place=Place(0, at, 1))


def found(words, answers=(), *, dedupe=False):
    with closing(RequestIndex()) as index:
        known = [answer(word, row, at) for at, (word, row) in enumerate(answers)]
        assert index.add_answers(known) == len(known)
        return list(index.elsewhere(rows_asking(words), dedupe=dedupe))


@pytest.mark.parametrize("together", [0, 3, 1000])
@given(words=st.text("abcde", max_size=60), answers=st.text("abcf", max_size=6))
def test_the_rows_that_need_not_be_sent_are_found_in_their_order(words, answers, together):
    known = [(word, at + 100) for at, word in enumerate(answers)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(groups, "TOGETHER", together)
        shared, alone = found(words, known, dedupe=True), found(words, known)
    expected = []
    left = {word: [at for at, other in enumerate(answers) if other == word] for word in words}
    for number, word in enumerate(words):
        if word in answers:
            expected.append(Elsewhere(number, Place(0, answers.index(word), 1)))
        elif words.index(word) < number:
            expected.append(Elsewhere(number, None, words.index(word)))
    assert shared == expected
    assert alone == [
        Elsewhere(number, Place(0, left[word].pop(0), 1)) for number, word in enumerate(words) if left[word]
    ]


def test_a_digest_that_is_none_is_equal_to_no_other():
    rows = [type(row)(row.index, row.custom_id, "no digest", row.input) for row in rows_asking("aa")]
    with closing(RequestIndex()) as index:
        assert list(index.elsewhere(rows, dedupe=True)) == []


FULL = """
import resource
import signal
import sys
from contextlib import closing

import msgspec

from airflow_provider_groq.jobs import groups
from airflow_provider_groq.jobs.apart.assignment import Candidate, Place
from airflow_provider_groq.jobs.apart.index import RequestIndex
from airflow_provider_groq.jobs.records import RowRecord

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
groups.TOGETHER = 100
digests = [f"{number:032x}" for number in range(1_000)]
rows = (RowRecord(number, "", digest, msgspec.Raw(b"null")) for number, digest in enumerate(digests))
with closing(RequestIndex()) as index:
    if sys.argv[1] == "answers":
        place = Place(0, 0, 1)
        index.add_answers(Candidate(bytes.fromhex(digest), 0, 0, False, False, False, place) for digest in digests)
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
