"""What is said of a batch as a whole."""

from datetime import timedelta
from decimal import Decimal

import pytest

from airflow_provider_groq.batches.console import console_url
from airflow_provider_groq.batches.options import ENDPOINTS, check_options, moment, seconds, window_hours
from airflow_provider_groq.exceptions import GroqInputError

GOOD = {"endpoint": ENDPOINTS[0], "completion_window": "24h", "metadata": None}


@pytest.mark.parametrize(
    ("window", "hours"), [("24h", 24), ("1d", 24), ("25h", 25), ("2d", 48), ("7d", 168), ("168h", 168)]
)
def test_a_window_is_from_24_hours_to_7_days(window, hours):
    assert window_hours(window) == hours
    check_options(**GOOD | {"completion_window": window})


@pytest.mark.parametrize(
    "window",
    [
        "12h",
        "23h",
        "169h",
        "8d",
        "0d",
        "1 day",
        "",
        None,
        "24 H",
        "24H",
        "24",
        24,
        "24h ",
        "24h\n",
        "-24h",
        "+24h",
        "24.0h",
        "1w",
        "24h24h",
        "\u0662\u0664h",
        "99999999h",
        "h",
        ["24h"],
        "{{ window }}",
    ],
)
def test_any_other_window_is_refused_and_shown(window):
    with pytest.raises(GroqInputError) as caught:
        check_options(**GOOD | {"completion_window": window})
    assert str(caught.value).startswith(f"completion_window is {window!r}, but must be from '24h' to '7d'")


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_the_endpoints_that_groq_has(endpoint):
    check_options(**GOOD | {"endpoint": endpoint})


@pytest.mark.parametrize(
    "endpoint", ["/v1/embeddings", "/openai/v1/chat/completions", "", None, ["/v1/chat/completions"]]
)
def test_any_other_endpoint_is_refused_and_shown(endpoint):
    with pytest.raises(GroqInputError) as caught:
        check_options(**GOOD | {"endpoint": endpoint})
    assert str(caught.value) == f"endpoint is {endpoint!r}, but must be one of {', '.join(ENDPOINTS)}."


@pytest.mark.parametrize("metadata", [None, {}, {"team": "a"}, {"é": "שלום", "": ""}])
def test_metadata_is_text(metadata):
    check_options(**GOOD | {"metadata": metadata})


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"a": "b", "n": 5}, "metadata['n'] is 5, but keys and values must be text"),
        ({"a": None}, "metadata['a'] is None, but keys and values must be text"),
        ({"a": {"b": "c"}}, "metadata['a'] is {'b': 'c'}, but keys and values must be text"),
        ({5: "a"}, "metadata[5] is 'a', but keys and values must be text"),
        ({"a": "\ud800"}, "metadata['a'] is '\\ud800', which is not valid Unicode"),
        ({"\ud800": "a"}, "metadata['\\ud800'] is 'a', which is not valid Unicode"),
        ("text", "metadata must be a dict of text to text, but is 'text'"),
        ([("a", "b")], "metadata must be a dict of text to text, but is [('a', 'b')]"),
        (True, "metadata must be a dict of text to text, but is True"),
    ],
)
def test_metadata_that_is_not_text_is_shown_by_key_and_value(metadata, message):
    with pytest.raises(GroqInputError) as caught:
        check_options(**GOOD | {"metadata": metadata})
    assert str(caught.value).startswith(message)


def test_an_id_in_the_consoles_address_is_quoted():
    assert console_url("batch_1") == "https://console.groq.com/batches?id=batch_1"
    assert console_url("a&b=c#d") == "https://console.groq.com/batches?id=a%26b%3Dc%23d"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (60, 60.0),
        (0.5, 0.5),
        (timedelta(minutes=2), 120.0),
        (timedelta(milliseconds=1), 0.001),
        (timedelta(days=3650), 315_360_000.0),
    ],
)
def test_a_length_of_time_is_seconds_or_a_timedelta(given, expected):
    found = seconds("timeout", given)
    assert (type(found), found) == (float, expected)


@pytest.mark.parametrize(
    "given",
    [
        *[0, -1, float("nan"), float("inf"), 10**400, 1e300, 315_360_001, timedelta(0), -timedelta(1), timedelta.max],
        *["60", "PT1M", True, None, [60], Decimal(60), 60 + 0j],
    ],
)
def test_any_other_length_of_time_is_refused_by_name_and_value(given):
    with pytest.raises(GroqInputError, match="^poll_interval must be a number of seconds or a timedelta, above 0 and"):
        seconds("poll_interval", given)


@pytest.mark.parametrize(("given", "expected"), [(150, 150.0), (50, 50.0), (timedelta(minutes=1), 160.0)])
def test_a_time_to_come_is_unix_time_or_a_timedelta_from_now(given, expected):
    assert moment("end_time", given, now=100.0) == expected


@pytest.mark.parametrize("given", [0, None, "60", float("inf"), 2e9, timedelta.max, -timedelta(1)])
def test_any_other_time_to_come_is_refused_by_name_and_value(given):
    with pytest.raises(GroqInputError, match="^end_time must be a number of seconds or a timedelta, above 0 and up to"):
        moment("end_time", given, now=1e9)
