"""What a batch says of the request that it was made of."""

import pytest

from airflow_provider_groq.jobs.attempt import Attempt, spool_name


def test_an_attempt_travels_as_text():
    attempt = Attempt(spool_name(3, "00ab12cd"), 2, 1)
    assert Attempt.read(str(attempt)) == attempt
    assert attempt.generation == 3


@pytest.mark.parametrize("text", ["", "x", "x.1", "x.one.1", "x.1.1.1", ".1.1"])
def test_what_is_none_of_a_jobs_is_none(text):
    assert Attempt.read(text) is None


def test_a_spool_need_not_say_its_generation():
    assert Attempt.read("00ab12cd.1.1").generation is None
