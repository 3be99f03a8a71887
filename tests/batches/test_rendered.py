"""Ids and paths that Jinja made of a list or of nothing are told from those that are ones."""

import pytest

from airflow_provider_groq.batches.rendered import check_id, check_ids, check_path
from airflow_provider_groq.exceptions import GroqInputError

SKIPPED = "Was the upstream task skipped"
NATIVE = "render_template_as_native_obj=True"

NO_TEXTS = [
    (None, SKIPPED),
    ("", SKIPPED),
    (" \n", SKIPPED),
    ("None", SKIPPED),
    (" None\n", SKIPPED),
    ("null", SKIPPED),
    ("['batch_a', 'batch_b']", NATIVE),
    ("[]", NATIVE),
    ("{'a': 'batch_a'}", NATIVE),
    ("('a',\n 'b')", NATIVE),
    ("{{ ti.xcom_pull('make') }}", NATIVE),
    ("<generator object made at 0x7f00>", NATIVE),
    (3, "but is 3"),
    (b"batch_a", "but is b'batch_a'"),
]


@pytest.mark.parametrize(("value", "said"), NO_TEXTS)
@pytest.mark.parametrize("check", [check_id, check_path, check_ids])
def test_what_jinja_made_of_something_else_is_refused_with_the_way_out(check, value, said):
    with pytest.raises(GroqInputError, match="^the_argument must be ") as refused:
        check("the_argument", value)
    assert said in str(refused.value)


@pytest.mark.parametrize("value", [["batch_a", "batch_b"], ("batch_a",), {"batch_a": 1}])
def test_several_ids_in_the_place_of_one_are_to_be_mapped(value):
    with pytest.raises(GroqInputError, match="map the task with .expand"):
        check_id("batch_id", value)


@pytest.mark.parametrize("id_", ["batch_01jxyz", "msgbatch/1=", "None-1", "a[0]", "$(x)"])
def test_an_id_stays_as_it_is(id_):
    assert check_id("batch_id", id_) == id_
    assert check_ids("batch_id", id_) == [id_]
    assert check_ids("batch_id", [id_, "b", id_]) == [id_, "b"]


@pytest.mark.parametrize("path", ["/data/None", "s3://bucket/None/x", "[a]/b.jsonl", "data (1)/", "None.jsonl", "~"])
def test_a_path_stays_as_it_is(path):
    assert check_path("input_path", path) == path


@pytest.mark.parametrize("value", ["None", None, "", ["nested"]])
def test_one_bad_id_among_several_is_named(value):
    with pytest.raises(GroqInputError, match=r"^batch_id\[1\] must be "):
        check_ids("batch_id", ["batch_a", value])


@pytest.mark.parametrize("empty", [[], (), iter(())])
def test_no_ids_at_all_are_refused(empty):
    with pytest.raises(GroqInputError, match="batch_id is an empty list"):
        check_ids("batch_id", empty)


def test_a_long_value_is_shown_in_part():
    with pytest.raises(GroqInputError) as refused:
        check_id("batch_id", str(["batch_a"] * 1000))
    assert len(str(refused.value)) < 400
