"""Tokens used, and what more rows are projected to use."""

import pytest
from jobs.result_lines import MODEL, harvested, records, refused, said

from airflow_provider_groq.jobs.money.prices import Prices
from airflow_provider_groq.jobs.money.usage import Projection, Usage
from airflow_provider_groq.jobs.results.answer_lines import read_head

PRICES = Prices.of({MODEL: {"input": 1, "output": 10}, "larger": {"input": 2, "output": 20}})


def used(*lines):
    ids = [f"row-{number}" for number in range(len(lines))]
    rows = [records([name], start=number)[0] for number, name in enumerate(ids)]
    usage = Usage()
    for line in harvested(rows, [line(name) for line, name in zip(lines, ids, strict=True)])[2].splitlines(True):
        usage.add(read_head(line))
    return usage


def answer(model=MODEL, prompt=100, completion=10):
    tokens = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return lambda custom_id: said(custom_id, model=model, usage=tokens)


def without_usage(custom_id):
    return said(custom_id, usage=None)


def test_more_rows_use_the_mean_of_those_before():
    usage = used(answer(prompt=100, completion=10), answer(prompt=300, completion=30), refused)
    assert usage.cost(PRICES) == pytest.approx((400 + 10 * 40) / 1e6)
    assert usage.project(100, PRICES) == Projection(100, 20_000, 2_000, pytest.approx((20_000 + 20_000) / 1e6))


def test_each_model_has_its_price():
    usage = used(answer(), answer("larger"))
    assert usage.project(2, PRICES) == Projection(2, 200, 20, pytest.approx(600e-6))
    assert usage.project(2, PRICES, model="larger") == Projection(2, 200, 20, pytest.approx(800e-6))


@pytest.mark.parametrize(
    "lines", [(answer("unheard of"),), (answer(), without_usage)], ids=["no price", "no tokens are told"]
)
def test_what_is_not_known_is_not_guessed(lines):
    usage = used(*lines)
    assert usage.cost(PRICES) is None
    assert usage.project(10, PRICES).cost is None


def test_nothing_used_costs_nothing_and_tells_nothing():
    usage = used(refused)
    assert usage.cost(PRICES) == 0
    assert usage.project(10, PRICES) == Projection(10, 0, 0, None)


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"prompt_tokens": "many"},
        {"prompt_tokens": -1, "completion_tokens": 2**70, "total_tokens": True},
        {"completion_tokens_details": 5},
        {"completion_tokens_details": {"reasoning_tokens": None}, "reasoning_tokens": 0},
    ],
)
def test_what_is_no_number_of_tokens_counts_as_none_of_them(odd):
    usage = used(answer(prompt=100, completion=10), lambda custom_id: said(custom_id, usage=odd))
    assert usage.answers == 2
    sums = {"prompt_tokens": 100, "completion_tokens": 10, "reasoning_tokens": 0, "total_tokens": 110}
    assert usage.by_model == {MODEL: sums}
    assert usage.cost(PRICES) == pytest.approx((100 + 10 * 10) / 1e6)
