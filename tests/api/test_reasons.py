"""Reasons: whatever the shape in which a server says what went wrong, each message of it is given."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_groq.api import reasons as reading
from airflow_provider_groq.api.reasons import reasons

GROQS = {"message": "m", "type": "t", "param": None, "code": "c"}


def messages(said):
    return [reason["message"] for reason in reasons(said)]


@pytest.mark.parametrize(
    "wrap", [lambda it: it, lambda it: [it], lambda it: {"error": it}, lambda it: {"errors": [it]}]
)
def test_groqs_error_is_given_as_it_is(wrap):
    assert list(reasons(wrap(GROQS))) == [GROQS]


@pytest.mark.parametrize(
    ("said", "given_"),
    [
        ("a", ["a"]),
        (["a", {"error": "b"}, [["c"]]], ["a", "b", "c"]),
        ({"error": "a", "message": "b"}, ["b", "a"]),
        ({"message": {"message": "a"}}, ["a"]),
        ({"detail": [{"loc": ["body", "file"], "msg": "a"}, {"msg": "b"}]}, ["body.file: a", "b"]),
        ({"detail": {"error": {"message": "a"}}}, ["a"]),
        ({"title": "a", "detail": "b", "status": 400}, ["b; a"]),
        ({"errors": {"x": ["a", "b"], "y": "c"}}, ["x: a", "x: b", "y: c"]),
        ({"fault": {"faultstring": "a"}}, ["fault: faultstring: a"]),
        ({"error": "invalid_grant", "error_description": "a"}, ["a", "invalid_grant"]),
        ({"success": False, "errors": [], "message": "a"}, ["a"]),
        ({"code": "c", "problem": "a"}, ["problem: a"]),
        ({"code": "c"}, [None]),
        ({"error": True, "reason": "a"}, ["a"]),
        ({"object": "list", "data": []}, []),
        (404, ["404"]),
    ],
    ids=str,
)
def test_each_message_is_given(said, given_):
    assert messages(said) == given_


def test_what_is_said_of_all_is_said_of_each():
    said = {"code": "c", "errors": [{"message": "a", "line": 1}, {"message": "b", "code": "d"}]}
    assert [(r["message"], r["code"], r.get("line")) for r in reasons(said)] == [("a", "c", 1), ("b", "d", None)]


@pytest.mark.parametrize("nothing", [None, "", [], {}, False, True, 0, [None, "", {}, []], {"error": None}])
def test_nothing_is_no_reason(nothing):
    assert list(reasons(nothing)) == []


TEXT = st.text(st.characters(categories=["L"]), min_size=1)
KEYS = st.sampled_from([*reading.WRAPPERS, *reading.TEXTS]).filter(lambda key: key != "data")
SHAPES = st.recursive(TEXT, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=12)


def leaves(value):
    if isinstance(value, str):
        yield value
    else:
        for item in value.values() if isinstance(value, dict) else value:
            yield from leaves(item)


@given(SHAPES)
def test_no_message_is_lost_whatever_the_shape(said):
    shown = "\n".join(messages(said))
    for text in leaves(said):
        assert text in shown


def test_what_is_nested_very_deeply_is_given_as_json():
    said = "a"
    for _ in range(100):
        said = [said]
    (message,) = messages(said)
    assert '"a"' in message
