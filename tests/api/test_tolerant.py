"""Tolerant models: what cannot be read is said once, however often and of however many it is read."""

import json
import logging

import pytest

from airflow_provider_groq.api import tolerant
from airflow_provider_groq.api.models import Batch, File


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch):
    monkeypatch.setattr(tolerant, "_said", set())


@pytest.fixture
def warnings(caplog):
    caplog.set_level(logging.WARNING)

    def warnings():
        said = [record.getMessage() for record in caplog.records]
        caplog.clear()
        return said

    return warnings


def read(number=1, **fields):
    return Batch.model_validate_json(json.dumps({"id": f"batch_{number}", "status": "x"} | fields))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"endpoint": ["x"]}, "Batch batch_0: its endpoint is a list, which is unreadable and ignored."),
        ({"error_file_id": {"a": 1}}, "Batch batch_0: its error_file_id is an object, which is unreadable and"),
        ({"created_at": "then"}, "Batch batch_0: its created_at is text, which is unreadable and"),
        ({"completed_at": 1e300}, "Batch batch_0: its completed_at is a number, which is unreadable and"),
        ({"output_file_id": True}, "Batch batch_0: its output_file_id is true or false, which is unreadable and"),
        ({"metadata": [["a", "b"], 1]}, "Batch batch_0: its metadata is a list, which is only partly readable; "),
        ({"request_counts": {"total": "x"}}, "Batch batch_0: its request_counts is an object, which is"),
    ],
)
def test_what_cannot_be_read_is_said_once(fields, said, warnings):
    """A wait reads the same batch thousands of times, and a listing holds thousands."""
    for number in range(100):
        read(number, **fields)
    (line,) = warnings()
    assert line.startswith(said)


def test_each_field_and_form_is_said():
    for _ in range(2):
        read(endpoint=[1], error_file_id=[1])
        read(endpoint={"a": 1})
        File.model_validate({"id": "f", "filename": [1]})
    assert tolerant._said == {
        ("Batch", "endpoint", "a list"),
        ("Batch", "error_file_id", "a list"),
        ("Batch", "endpoint", "an object"),
        ("File", "filename", "a list"),
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"created_at": "2023-11-14T22:13:20Z", "expires_at": 1.5},
        {"error_file_id": {}, "output_file_id": [], "completed_at": "", "request_counts": "", "created_at": 0},
        {"request_counts": '{"total": 1}', "errors": "text", "input_file_id": 5},
    ],
)
def test_what_can_be_read_or_is_nothing_is_not_worth_a_warning(fields, warnings):
    read(**fields)
    assert warnings() == []


def test_the_value_is_not_shown_and_nothing_unprintable_is(warnings):
    read(error_file_id="gsk_secret\n2026-01-01 INFO all is well")
    (line,) = warnings()
    assert "gsk" not in line
    assert line.isprintable()


def test_what_was_said_takes_little_memory(monkeypatch, warnings):
    monkeypatch.setattr(tolerant, "MAX_SAID", 10)
    for number in range(1000):
        tolerant.warn_once((str(number),), "%d", number)
        assert len(tolerant._said) <= 10
    assert len(warnings()) == 1000
