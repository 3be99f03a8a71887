"""Which row gets which of the answers that are there."""

from collections import Counter
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_groq.jobs.apart.assignment import Asking, Candidate, Place, name_of, one_for_all, one_for_each


@dataclass(frozen=True)
class Known:
    """An answer to a word, of a row; it was sent under that row's id, or another one, which says if it is cut off."""

    word: str
    row: int
    sent_as: str = ""
    is_copy: bool = False
    is_shared: bool = False

    @property
    def is_cut_off(self):
        return self.sent_as.startswith("cut")


def candidates(known):
    return [
        Candidate(
            each.word.encode(),
            name_of(f"row-{each.row}"),
            name_of(*sent(each)),
            each.is_cut_off,
            each.is_copy,
            each.is_shared,
            Place(0, at, 1),
        )
        for at, each in enumerate(known)
    ]


def assigned(assign, words, known):
    """By the number of each row that need not be sent: the known answer that it gets, or the number of its original."""
    rows = [Asking(word.encode(), name_of(f"row-{number}"), number) for number, word in enumerate(words)]
    found = list(assign(lambda: iter(rows), candidates(known)))
    assert len({row.number for row in found}) == len(found)
    return {row.number: row.original if row.answer is None else known[row.answer.start] for row in found}


KNOWN = st.builds(
    Known,
    word=st.sampled_from("ab"),
    row=st.integers(0, 8),
    sent_as=st.sampled_from(["", "row-1", "x", "y", "cut-1", "cut-2"]),
    is_copy=st.booleans(),
    is_shared=st.booleans(),
)
WORDS = st.text("abc", max_size=9)


def sent(known):
    return known.word, known.sent_as or f"row-{known.row}"


def counting(known):
    """Of several that a row has, which are not shared, the best."""
    rows, found = set(), []
    for each in sorted(known, key=lambda each: each.is_cut_off):
        if each.is_shared or each.row not in rows:
            found.append(each)
        if not each.is_shared:
            rows.add(each.row)
    return found


@given(words=WORDS, known=st.lists(KNOWN, max_size=10))
def test_one_for_each(words, known):
    found = assigned(one_for_each, words, known)
    assert all(answer.word == words[number] for number, answer in found.items())
    once = [sent(each) for number, each in found.items() if not (each.is_shared or is_copy_of(each, number))]
    assert max(Counter(once).values(), default=1) == 1, "an answer that is not shared serves one row"
    for word in set(words):
        there = counting(each for each in known if each.word == word)
        rows = [number for number, asked in enumerate(words) if asked == word]
        answered = [found[number] for number in rows if number in found]
        used = {sent(each) for each in answered}
        if any(each.is_shared for each in there):
            assert len(answered) == len(rows)
        elif len(answered) < len(rows):
            assert used == {sent(each) for each in there}, "each answer is used before a row is sent"
        whole = {sent(each) for each in there if not each.is_cut_off}
        if any(each.is_cut_off for each in answered):
            assert whole <= used, "an answer that is cut off is the last resort"
            assert not any(each.is_shared and not each.is_cut_off for each in there)
        for number in rows:
            mine = [each for each in there if each.row == number and not each.is_cut_off]
            if any(each.is_shared or each.is_copy for each in mine):
                assert found[number].row == number
                assert not found[number].is_cut_off


def is_copy_of(known, number):
    return known.is_copy and known.row == number


@given(words=WORDS, known=st.lists(KNOWN, max_size=10))
def test_one_for_all(words, known):
    found = assigned(one_for_all, words, known)
    for number, word in enumerate(words):
        there = sorted((each for each in known if each.word == word), key=lambda each: each.is_cut_off)
        own = [each for each in there if each.row == number and not each.is_cut_off]
        first = words.index(word)
        expected = own[0] if own else there[0] if there else first if first < number else None
        assert found.get(number) == expected


def test_samples_of_one_prompt_keep_their_answers_when_their_rows_change_places():
    """The second and third row have the ids of rows that had answers; the first gets the one that is left."""
    known = [Known("a", number) for number in (1, 2, 50)]
    assert assigned(one_for_each, "aaaa", known) == {0: known[2], 1: known[0], 2: known[1]}


def test_an_answer_that_was_given_to_another_row_serves_one_of_the_two():
    """Before a clear it was row 50's; a try that did not land gave it to row 1."""
    old, moved = Known("a", 0, sent_as="row-0"), Known("a", 1, sent_as="row-0")
    assert assigned(one_for_each, "aa", [moved, old]) == {0: old}


def test_a_row_that_shared_an_answer_keeps_it_and_a_new_one_is_sent():
    known = [Known("a", 1, sent_as="row-0", is_copy=True), Known("a", 0)]
    assert assigned(one_for_each, "aaa", known) == {0: known[1], 1: known[0]}
    assert assigned(one_for_each, "baa", known) == {1: known[0]}


def test_an_own_answer_that_is_cut_off_gives_way_to_a_whole_one_that_is_left():
    cut, whole = Known("a", 0, sent_as="cut"), Known("a", 50)
    assert assigned(one_for_each, "a", [cut, whole]) == {0: whole}
    assert assigned(one_for_each, "ab", [cut]) == {0: cut}
    assert assigned(one_for_each, "aa", [Known("a", 1, sent_as="cut")]).keys() == {1}, "it is not taken from its row"


def test_answers_of_other_jobs_serve_several_rows_each_in_turn():
    own, first, second = Known("a", 0), Known("a", 0, "x", is_shared=True), Known("a", 60, is_shared=True)
    assert assigned(one_for_each, "aaaaa", [own, first, second]) == {0: own, 1: first, 2: second, 3: first, 4: second}
