"""Whose a batch is: what is the same in all tries of a task, and different in all else."""

import json

import hypothesis
import pytest
from hypothesis import strategies as st

from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.batches.identity import (
    FILES_KEPT,
    INPUT_KEY,
    READABLE_KEYS,
    ROUND_KEY,
    TASK_KEY,
    Claim,
    Identity,
    check_metadata,
    digest_of_file,
    made_since,
    may_be_taken_up,
    named_owner,
    oldest,
)
from airflow_provider_groq.batches.options import check_options
from airflow_provider_groq.exceptions import GroqInputError

IDENTITY = Identity("dag", "task", "run", 3)
CLAIM = Claim(IDENTITY, "d" * 64)


def batch(**fields):
    return Batch.model_validate({"id": "batch_1", "status": "in_progress", "created_at": 1000} | fields)


def test_an_identity_is_the_same_in_every_try_and_process():
    assert Identity("dag", "task", "run", 3).key == IDENTITY.key == "cbea77caa86eebbd6b1f216b684baac7"


@hypothesis.given(
    st.tuples(*[st.text()] * 3, st.integers(), st.text()), st.tuples(*[st.text()] * 3, st.integers(), st.text())
)
def test_no_two_tasks_share_an_identity(one, other):
    def key(dag_id, task_id, run_id, map_index, only):
        return Identity(dag_id, task_id, run_id, map_index, only=only).key

    assert (key(*one) == key(*other)) == (one == other)


@pytest.mark.parametrize("given", [None, {}, {"team": "data"}, {str(n): "x" * 512 for n in range(14)}])
def test_the_users_metadata_is_kept_and_ours_is_beside_it_within_groqs_limits(given):
    check_metadata(given)
    metadata = CLAIM.metadata(given)
    assert (given or {}).items() <= metadata.items()
    assert {TASK_KEY, INPUT_KEY} <= metadata.keys()
    check_options(endpoint="/v1/chat/completions", completion_window="24h", metadata=metadata)


def test_a_person_can_read_whose_a_batch_is():
    assert CLAIM.metadata(None) == {
        "airflow_task": IDENTITY.key,
        "airflow_input": "d" * 32,
        "airflow_dag_id": "dag",
        "airflow_task_id": "task",
        "airflow_run_id": "run",
        "airflow_map_index": "3",
    }


def test_the_task_that_a_batch_names_is_known_again():
    assert named_owner(batch(metadata=CLAIM.metadata(None))) == IDENTITY


@pytest.mark.parametrize("key", READABLE_KEYS[:3])
@pytest.mark.parametrize("value", ["", None])
def test_a_batch_that_names_no_whole_task_names_none(key, value):
    named = CLAIM.metadata(None) | {key: value}
    assert named_owner(batch(metadata={key: value for key, value in named.items() if value is not None})) is None


@pytest.mark.parametrize("value", ["", "-1", "x", "1e9", "9" * 5_000, "\u0663"])
def test_a_map_index_that_is_none_is_that_of_a_task_that_is_not_mapped(value):
    assert named_owner(batch(metadata=CLAIM.metadata(None) | {"airflow_map_index": value})).map_index == -1


def test_what_a_person_can_read_gives_way_to_what_the_user_says():
    given = {str(n): "" for n in range(12)}
    assert CLAIM.metadata(given).keys() == {*given, TASK_KEY, INPUT_KEY, "airflow_dag_id", "airflow_task_id"}


def test_the_longest_names_that_airflow_allows_find_room():
    long = Claim(Identity("d" * 250, "t" * 250, "r" * 600, 10**9), "d" * 64)
    check_options(endpoint="/v1/chat/completions", completion_window="24h", metadata=long.metadata(None))
    assert len(long.file_name("s" * 300)) < 255


@pytest.mark.parametrize("key", [TASK_KEY, INPUT_KEY, ROUND_KEY, *READABLE_KEYS])
def test_our_keys_are_not_for_the_user(key):
    with pytest.raises(GroqInputError, match=f"metadata\\['{key}'\\] is reserved for this package"):
        check_metadata({key: "mine"})


def test_metadata_that_leaves_no_room_for_ours_is_refused():
    with pytest.raises(GroqInputError, match="metadata has 15 keys, but at most 14 are allowed: 16 less the two"):
        check_metadata({str(n): "" for n in range(15)})


def test_a_batch_is_known_by_its_metadata_and_a_file_by_its_name():
    others = [
        Claim(IDENTITY, "e" * 64),
        Claim(Identity("dag", "task", "run", 4), "d" * 64),
        Claim(Identity("dag", "task", "run", 3, only="once"), "d" * 64),
    ]
    for claim in (CLAIM, *others):
        made = batch(metadata=claim.metadata({"a": "b"}))
        name = claim.file_name("rows")
        assert [other.marks(made) for other in (CLAIM, *others)] == [other is claim for other in (CLAIM, *others)]
        assert [name.endswith(other.file_suffix) for other in (CLAIM, *others)] == [
            other is claim for other in (CLAIM, *others)
        ]
    assert not CLAIM.marks(batch())


def test_each_attempt_has_batches_and_files_of_its_own_and_can_be_a_key():
    claims = [Claim(IDENTITY, "d" * 64, attempt) for attempt in ("", "1.1", "1.2", "2.1", "12.1")]
    for claim in claims:
        made = batch(metadata=claim.metadata({"a": "b"}))
        name = claim.file_name("rows")
        assert [other.marks(made) for other in claims] == [other is claim for other in claims]
        assert [name.endswith(other.file_suffix) for other in claims] == [other is claim for other in claims]
        assert made.metadata.get(ROUND_KEY, "") == claim.attempt
    assert len({claim: claim.attempt for claim in [*claims, Claim(IDENTITY, "d" * 64, "2.1")]}) == len(claims)


def test_the_users_metadata_leaves_room_for_rounds_too():
    check_metadata({str(n): "" for n in range(13)}, rounds=True)
    metadata = Claim(IDENTITY, "d" * 64, "1.1").metadata({str(n): "" for n in range(13)})
    check_options(endpoint="/v1/chat/completions", completion_window="24h", metadata=metadata)
    with pytest.raises(GroqInputError, match="metadata has 14 keys, but at most 13 are allowed: 16 less the three"):
        check_metadata({str(n): "" for n in range(14)}, rounds=True)


def test_a_batch_of_another_input_is_still_of_the_task():
    assert CLAIM.marks_task(batch(metadata=Claim(IDENTITY, "e" * 64).metadata(None)))
    assert not CLAIM.marks_task(batch(metadata={"airflow_dag_id": "dag"}))


def test_a_file_at_groq_has_a_digest_that_no_content_has():
    assert digest_of_file("file_1") == digest_of_file("file_1") != digest_of_file("file_2")


NOW = 1_800_000_000
COUNTS = {"total": 2, "completed": 1, "failed": 1}


@pytest.mark.parametrize(
    ("fields", "worth"),
    [
        ({"status": "validating"}, True),
        ({"status": "in_progress"}, True),
        ({"status": "finalizing"}, True),
        ({"status": "paused for reasons of its own"}, True),
        ({"status": "completed", "request_counts": COUNTS}, True),
        ({"status": "completed", "output_file_id": "file_1"}, True),
        ({"status": "completed", "request_counts": {"total": 2, "failed": 2}, "error_file_id": "file_2"}, False),
        ({"status": "expired", "request_counts": COUNTS}, True),
        ({"status": "expired"}, False),
        ({"status": "failed"}, False),
        ({"status": "cancelling", "request_counts": COUNTS}, False),
        ({"status": "cancelled", "request_counts": COUNTS}, False),
        ({"status": "completed", "request_counts": COUNTS, "created_at": NOW - FILES_KEPT - 60}, False),
        ({"status": "completed", "request_counts": COUNTS, "created_at": None}, True),
        ({"status": "in_progress", "created_at": "then"}, True),
        ({"status": "failed", "created_at": None}, False),
    ],
    ids=str,
)
def test_a_batch_is_taken_up_if_something_in_it_was_or_will_be_paid_for_and_can_be_had(fields, worth):
    assert may_be_taken_up(batch(**{"created_at": NOW - 60} | fields), NOW) is worth


def test_everybody_finds_the_same_one_oldest():
    batches = [batch(id="b", created_at=2), batch(id="c", created_at=1), batch(id="a", created_at=2)]
    assert oldest(batches).id == oldest(reversed(batches)).id == "c"
    assert oldest(batches[::2]).id == "a"
    assert oldest([]) is None


def test_of_those_of_unknown_age_everybody_finds_the_same_one_too_and_a_known_one_first():
    batches = [batch(id="b", created_at=None), batch(id="c", created_at=5), batch(id="a", created_at=0)]
    assert oldest(batches).id == oldest(reversed(batches)).id == "c"
    assert oldest(batches[::2]).id == oldest(batches[::-2]).id == "a"


def test_a_batch_of_unknown_age_may_have_been_made_since():
    assert [made_since(batch(created_at=at), 10.0) for at in (9, 10, 11, None)] == [False, True, True, True]


def test_metadata_of_other_programs_is_read_as_text():
    read = Batch.model_validate_json(
        json.dumps({"id": "b", "status": "x", "created_at": 1, "metadata": {"n": 1, "t": "x"}})
    )
    assert read.metadata == {"n": "1", "t": "x"}
