"""The answers of several rounds: each row gets the best, and what did not change stays as it was, byte for byte."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jobs.result_lines import alone, harvested, line, records, refused, said, unfinished

from airflow_provider_groq.exceptions import GroqStorageError
from airflow_provider_groq.jobs.records import InvalidOutput
from airflow_provider_groq.jobs.results.merge import goodness, merge


def invalid(text):
    raise InvalidOutput(f"{text} does not fit.")


OUTCOMES = {
    "whole": {"lines": [said("a")]},
    "cut": {"lines": [said("a", finish_reason="length")]},
    "invalid": {"lines": [said("a")], "validate": invalid},
    "invalid and cut": {"lines": [said("a", finish_reason="length")], "validate": invalid},
    "refused": {"lines": [refused("a", 500)]},
    "expired": {"lines": [unfinished("a")]},
    "missing": {"lines": []},
}


def answer(outcome, number=1):
    arguments = dict(OUTCOMES[outcome])
    return harvested(["a"], arguments.pop("lines"), round=number, **arguments)[2]


def merged(*rounds, rows=1, first=1):
    answers = {n: alone(lines.splitlines(keepends=True), n) for n, lines in enumerate(rounds, first)}
    return list(merge(answers, rows=rows))


@pytest.mark.parametrize(
    ("rounds", "best"),
    [
        (["refused", "whole"], 2),
        (["refused", "cut", "whole"], 3),
        (["cut", "whole"], 2),
        (["cut", "invalid"], 1),
        (["invalid", "cut"], 2),
        (["invalid", "refused"], 1),
        (["invalid and cut", "refused", "invalid"], 1),
        (["expired", "refused"], 1),
        (["missing", "expired", "refused"], 1),
        (["whole", "whole"], 1),
        (["refused", "invalid", "refused"], 2),
    ],
)
def test_a_later_round_that_brings_nothing_better_leaves_what_an_earlier_one_brought(rounds, best):
    lines = [answer(outcome, number) for number, outcome in enumerate(rounds, 1)]
    (row,) = merged(*lines)
    assert row.best.round == best
    assert row.best.line == lines[best - 1]
    assert [sent.round for sent in row.others] == [number for number in range(1, len(rounds) + 1) if number != best]


def test_lines_are_copied_as_they_are():
    first = harvested(["a", "b"], [said("a"), refused("b", 500)])[2].replace(b'"a"', b'  "a"')
    later = harvested(records(["b"], start=1), [said("b")], round=2)[2]
    rows = merged(first, later, rows=2)
    assert [row.best.line for row in rows] == [first.splitlines(keepends=True)[0], later]


def test_one_row_is_held_at_a_time():
    taken = []

    def lines(start, step):
        for number in range(start, 1000, step):
            taken.append(number)
            yield harvested(records([str(number)], start=number), [said(str(number))])[2]

    for number, _ in zip(range(50), merge({1: alone(lines(0, 1)), 2: alone(lines(3, 7), 2)}, rows=1000), strict=False):
        assert max(taken) <= number + 7


def lines_of(numbers):
    return b"".join(harvested(records([str(n)], start=n), [said(str(n))])[2] for n in numbers)


def test_what_was_known_before_the_first_round_need_not_be_sent_in_it():
    rows = merged(lines_of([1, 3]), lines_of([0, 2]), rows=4, first=0)
    assert [(row.best.head.index, row.best.round) for row in rows] == [(0, 1), (1, 0), (2, 1), (3, 0)]


@pytest.mark.parametrize(
    ("first", "later", "said_"),
    [
        ([0, 2], [], "No round has an answer to row 1 of 3"),
        ([0, 1], [], "No round has an answer to row 2 of 3"),
        ([], [], "No round has an answer to row 0 of 3"),
        ([0, 1, 2], [1, 0], r"round 2 hold row 0 \('0'\), but row 2 was expected"),
        ([0, 1, 2], [1, 1], "round 2 hold row 1"),
        ([0, 1, 2], [5], "round 2 hold row 5.*the job has only 3 rows"),
        ([0, 1, 2, 3], [], "round 1 hold row 3.*the job has only 3 rows"),
    ],
)
def test_rows_that_do_not_fit_together_are_an_error(first, later, said_):
    with pytest.raises(GroqStorageError, match=f"{said_}.*run the task again"):
        merged(lines_of(first), lines_of(later), rows=3)


def test_another_row_of_the_same_number_is_an_error():
    with pytest.raises(GroqStorageError, match="'b'.*in round 1 it is 'a'"):
        merged(harvested(["a"])[2], harvested(["b"])[2])


@pytest.mark.parametrize(
    "wrong", [b'{"custom_id": "a", "ind\n', b"[]\n", b"\xff\n", b'{"custom_id": "a"}\n', answer("whole")[:-1]]
)
def test_a_line_that_is_cut_off_is_an_error(wrong):
    with pytest.raises(GroqStorageError, match="cannot be read.*cut off or changed"):
        merged(wrong)


LINE_OF = {
    "whole": said,
    "cut": lambda custom_id: said(custom_id, finish_reason="length"),
    "refused": refused,
    "expired": unfinished,
    "audio": lambda custom_id: line(custom_id, body={"text": "x"}),
    "missing": None,
}
KINDS = st.sampled_from(sorted(LINE_OF))
ODD = st.sampled_from([said("foreign"), b"half\n", b"\n", refused("foreign", 500)])


@st.composite
def jobs(draw):
    """The lines that the result files of each round have, by row: shuffled, repeated, with foreign ones between."""
    rows = draw(st.integers(1, 8))
    rounds, left = [], list(range(rows))
    for _ in range(draw(st.integers(1, 3))):
        kinds = {number: draw(KINDS) for number in left}
        lines = [LINE_OF[kind](f"row-{number}") for number, kind in kinds.items() if LINE_OF[kind]]
        lines += draw(st.lists(st.sampled_from(lines), max_size=3)) if lines else []
        lines += draw(st.lists(ODD, max_size=3))
        rounds.append((kinds, draw(st.permutations(lines)), draw(st.integers(0, len(lines)))))
        left = draw(st.lists(st.sampled_from(left), unique=True).map(sorted)) if left else []
    return rows, rounds


@given(jobs())
def test_every_row_has_exactly_one_answer_the_best_and_the_same_the_second_time(job):
    rows, rounds = job

    def run():
        counted, answers = [], []
        for number, (kinds, lines, cut) in enumerate(rounds, 1):
            sent = [record for record in records([f"row-{n}" for n in range(rows)]) if record.index in kinds]
            found, _, written = harvested(sent, lines[:cut], lines[cut:], round=number)
            counted.append(found)
            answers.append(written)
        return counted, merged(*answers, rows=rows)

    counted, found = run()
    assert [found_.rows.total() for found_ in counted] == [len(kinds) for kinds, _, _ in rounds]
    answers = [json.loads(row.best.line) for row in found]
    assert [answer["index"] for answer in answers] == list(range(rows))
    assert [answer["custom_id"] for answer in answers] == [f"row-{n}" for n in range(rows)]
    for number, row in enumerate(found):
        said_ = [kinds[number] for kinds, _, _ in rounds if number in kinds]
        ranks = [{"whole": 3, "audio": 3, "cut": 2}.get(kind, 0) for kind in said_]
        times = [place for place, (kinds, _, _) in enumerate(rounds, 1) if number in kinds]
        assert goodness(row.best.head) == max(ranks)
        assert row.best.round == times[ranks.index(max(ranks))] == answers[number]["round"]
        assert sorted([row.best.round, *(sent.round for sent in row.others)]) == times
    assert b"".join(row.best.line for row in found) == b"".join(row.best.line for row in run()[1])


def test_rows_that_are_answered_elsewhere_are_left_out():
    lines = harvested(records(["a", "b", "c"]), [said("a"), said("b"), said("c")])[2].splitlines(keepends=True)
    kept = merge({1: alone([lines[0], lines[2]])}, rows=4, elsewhere=[1, 3])
    assert [row.best.head.index for row in kept] == [0, 2]
    with pytest.raises(GroqStorageError, match="No round has an answer to row 3"):
        list(merge({1: alone([lines[0], lines[2]])}, rows=4, elsewhere=[1]))
    with pytest.raises(GroqStorageError, match="A round has an answer to row 2"):
        list(merge({1: alone([lines[0], lines[2]])}, rows=4, elsewhere=[1, 2, 3]))
