"""The tables at the end of a job's log."""

from jobs.output.test_manifest import answers, manifest_of
from jobs.result_lines import MODEL, refused, said

from airflow_provider_groq.jobs.money.prices import Prices
from airflow_provider_groq.jobs.output import report


def test_the_commonest_causes_are_shown_and_the_others_counted():
    rows = {number: refused(f"row-{number}", 400 + number, f"code {number}") for number in range(12)}
    rows[12] = refused("row-12", 404, "code 4")
    lines = list(report.causes(manifest_of(answers(rows))))
    assert lines[0] == "What failed, of 13 rows:"
    advice = "Fix what the message names: a model or an address."
    assert lines[2].startswith(f"|    2 | 15.4% | 404 code 4 | row-4     | {advice}  ")
    assert lines[-1] == "and 2 more causes: see manifest.json."
    assert len(lines) == 13
    assert len({len(line) for line in lines[1:-1]}) == 1, "all columns end at the same place"


def test_what_a_server_writes_stays_within_its_cell():
    code = "a | b\n| 9,999 |" + "x" * 500
    lines = list(report.causes(manifest_of(answers({0: refused("row-0", 400, code)}))))
    assert len(lines) == 3
    assert all("\n" not in line and len(line) < 300 for line in lines)


def test_a_job_without_failures_and_tokens_has_no_tables():
    manifest = manifest_of(answers({0: said("row-0", usage=None)}))
    assert not list(report.causes(manifest))
    assert not list(report.tokens(manifest, Prices({})))


def test_tokens_are_shown_by_round_and_model():
    first = answers({0: refused("row-0", 500), 1: said("row-1")})
    manifest = manifest_of(first, answers({0: said("row-0", model="larger")}, round=2))
    assert list(report.tokens(manifest, Prices.of({MODEL: {"input": 1, "output": 1}}))) == [
        "Tokens and cost:",
        "| round | prompt | completion | of it reasoning |     cost | model              |",
        "|     1 |     50 |         40 |              30 | 0.000090 | openai/gpt-oss-20b |",
        "|     2 |     50 |         40 |              30 |  unknown | larger             |",
        "|   all |    100 |         80 |              60 |  unknown |                    |",
        "The cost is unknown: to see it, set the price of larger in the argument prices, or in [groq] prices.",
    ]


def test_where_all_have_prices_the_cost_needs_no_reason():
    prices = Prices.of({MODEL: {"input": 1, "output": 1}})
    assert list(report.tokens(manifest_of(answers({0: said("row-0")})), prices))[-1].startswith("|   all |")


def test_a_cost_that_is_unknown_for_want_of_counts_says_so():
    manifest = manifest_of(answers({0: said("row-0"), 1: said("row-1", usage=None)}))
    *_, last = report.tokens(manifest, Prices.of({MODEL: {"input": 1, "output": 1}}))
    assert last == "The cost is unknown: some answers have no token counts."


def test_of_many_models_without_a_price_ten_are_named_each_within_a_line():
    rows = {number: said(f"row-{number}", model=f"model\n{number:02}" + 500 * "x") for number in range(12)}
    *_, last = report.tokens(manifest_of(answers(rows)), Prices({}))
    assert [f"model {number:02}" in last for number in range(12)] == [True] * 10 + [False] * 2
    assert last.endswith(", and of 2 more models in the argument prices, or in [groq] prices.")
    assert "\n" not in last
