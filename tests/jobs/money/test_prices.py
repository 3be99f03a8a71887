"""Prices as users give them, and what tokens cost by them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.jobs.money.prices import Prices, in_words, total

GIVEN = {"openai/gpt-oss-20b": {"input": 0.0375, "output": 0.15}, "free": {"input": 0, "output": 0}}


@pytest.mark.parametrize("text", [GIVEN, '{"openai/gpt-oss-20b": {"output": 0.15, "input": 0.0375}}'])
def test_a_million_tokens_cost_their_price(text):
    prices = Prices.of(text)
    assert prices.cost("openai/gpt-oss-20b", 1_000_000, 0) == 0.0375
    assert prices.cost("openai/gpt-oss-20b", 2_000_000, 3_000_000) == 0.525
    assert prices.cost("openai/gpt-oss-120b", 1, 1) is None
    assert prices.lacking(["openai/gpt-oss-20b", "b", "a", "b"]) == ["a", "b"]


@pytest.mark.parametrize("nothing", [None, "", "  ", {}])
def test_without_prices_all_are_unknown(nothing):
    assert Prices.of(nothing).cost("openai/gpt-oss-20b", 1, 1) is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("{", r"\[groq\] prices cannot be read as JSON"),
        ("[1]", r"\[groq\] prices is \[1\], but must have the form"),
        (5, "must have the form"),
        ({"m": 5}, r"\['m'\] is 5, but must have input and output"),
        ({"m": {"input": 1}}, "must have input and output, and nothing else"),
        ({"m": {"input": 1, "output": 1, "cached": 1}}, "nothing else"),
        ({"m": {"input": -0.1, "output": 1}}, "input is -0.1, but must be a number from 0"),
        ({"m": {"input": 1, "output": "0.5"}}, "output is '0.5'"),
        ({"m": {"input": 1, "output": True}}, "output is True"),
        ({"m": {"input": float("nan"), "output": 1}}, "input is nan"),
        ({"m": {"input": float("inf"), "output": 1}}, "input is inf"),
        ({5: {"input": 1, "output": 1}}, "does not name a model"),
        ({"": {"input": 1, "output": 1}}, "does not name a model"),
    ],
)
def test_prices_of_another_form_are_refused(given, message):
    with pytest.raises(GroqInputError, match=message):
        Prices.of(given, where="[groq] prices")


@given(st.lists(st.none() | st.floats(0, 1e6)))
def test_a_sum_is_known_if_all_of_it_is(costs):
    if None in costs:
        assert total(costs) is None
    else:
        assert total(costs) == pytest.approx(sum(costs))


def test_costs_in_words():
    words = [in_words(cost) for cost in (None, 0.0, 0.000012, 0.5, 1.0, 1234.567)]
    assert words == ["unknown", "0.00", "0.000012", "0.500000", "1.00", "1,234.57"]
