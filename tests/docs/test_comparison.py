"""docs/explanation/comparison.md: what can be asked of the peers' classes is as it says.

What they do when something happens is shown by `tests/coming_from`.
"""

import importlib
import importlib.util
import inspect
import operator
import re
from importlib.metadata import requires
from pathlib import Path

import pytest
from coming_from.conftest import needs
from docs.pages import DOCS, page

PAGE = page(DOCS / "explanation" / "comparison.md")
PEERS = ("openai", "anthropic", "common-ai")
OURS = "this package"


def table(heading):
    """The table below a heading: for each first cell, the others by the name of their column."""
    part = PAGE.text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    head, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line[:1] == "|"
    ]
    return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}


FEATURES = table("What each does")


def load(dotted):
    """What a name under ``airflow.providers`` stands for: of a module, or of a class of one."""
    module, name = re.fullmatch(r"([a-z_.]+)\.([A-Z]\w*(?:\.\w+)?|\w+)", dotted).groups()
    return operator.attrgetter(name)(importlib.import_module(f"airflow.providers.{module}"))


def of(peer, heading):
    """The cell of a peer, which must be installed in the version of the page."""
    needs(peer)
    return FEATURES[heading][peer]


SEEN = [
    ("openai", "openai.operators.openai.OpenAITriggerBatchOperator.execute"),
    ("anthropic", "anthropic.operators.batch.AnthropicBatchOperator.execute"),
    ("common-ai", "common.ai.operators.llm_batch.LLMBatchOperator.execute"),
    ("openai", "openai.hooks.openai.OpenAIHook.get_conn"),
    ("anthropic", "anthropic.hooks.anthropic.FIRST_PARTY_PLATFORMS"),
    ("common-ai", "common.ai.batch.dispatch.import_adapter_class"),
    ("common-ai", "common.ai.batch.openai.OpenAIBatchAdapter.validate_requests"),
    ("common-ai", "common.ai.operators.llm_batch.LLMBatchOperator._resolve_reattach_target"),
    ("openai", "openai.triggers.openai.OpenAIBatchTrigger.run"),
    ("anthropic", "anthropic.triggers.batch.AnthropicBatchTrigger.run"),
    ("common-ai", "common.ai.triggers.llm_batch.LLMBatchTrigger.run"),
    ("openai", "openai.operators.openai.OpenAITriggerBatchOperator.on_kill"),
    ("anthropic", "anthropic.triggers.batch.AnthropicBatchTrigger.on_kill"),
    ("common-ai", "common.ai.triggers.llm_batch.LLMBatchTrigger.on_kill"),
    ("anthropic", "anthropic.hooks.anthropic.AnthropicHook.stream_batch_results"),
    ("common-ai", "common.ai.batch.results.stream_results_to_jsonl"),
    ("anthropic", "anthropic.sensors.batch.AnthropicBatchSensor.poke"),
]
"""Where the page's facts are seen in the source of the peers, by their names under ``airflow.providers``."""


@pytest.mark.parametrize(("peer", "dotted"), SEEN)
def test_what_the_facts_are_seen_in_is_there(peer, dotted):
    needs(peer)
    assert load(dotted) is not None


def test_each_peer_has_a_column():
    assert all(set(row) == {*PEERS, OURS} for row in FEATURES.values())
    assert {peer for peer, _ in SEEN} == set(PEERS)


@pytest.mark.parametrize("peer", PEERS)
def test_the_oldest_airflow(peer):
    cell = of(peer, "Airflow")
    (floor,) = [
        re.match(r"apache-airflow>=(\d+\.\d+)", wanted)[1]
        for wanted in requires(f"apache-airflow-providers-{peer}")
        if wanted.startswith("apache-airflow>=")
    ]
    assert cell == f"from {floor}"


OPERATORS = {
    "openai": "openai.operators.openai.OpenAITriggerBatchOperator",
    "anthropic": "anthropic.operators.batch.AnthropicBatchOperator",
    "common-ai": "common.ai.operators.llm_batch.LLMBatchOperator",
}


@pytest.mark.parametrize(("peer", "rendered"), [("openai", False), ("anthropic", True), ("common-ai", True)])
def test_what_jinja_renders(peer, rendered):
    assert ("yes" in of(peer, "prompts in the Dag file rendered by Jinja")) is rendered
    assert ("requests" in load(OPERATORS[peer]).template_fields) is rendered


TRIGGERS = {
    "openai": "openai.triggers.openai.OpenAIBatchTrigger",
    "anthropic": "anthropic.triggers.batch.AnthropicBatchTrigger",
    "common-ai": "common.ai.triggers.llm_batch.LLMBatchTrigger",
}


@pytest.mark.parametrize("peer", PEERS)
def test_which_trigger_cancels(peer):
    cell = of(peer, "cancel when a deferred task is marked")
    assert ("on_kill" in vars(load(TRIGGERS[peer]))) is (cell != "no")


@pytest.mark.parametrize("peer", PEERS)
def test_who_has_a_sensor(peer):
    cell = of(peer, "sensor for batches created elsewhere")
    assert bool(info(peer).get("sensors")) is (cell != "no")


@pytest.mark.parametrize("peer", PEERS)
def test_nobody_else_has_an_operator_that_cancels(peer):
    assert of(peer, "operator that cancels") == "no"
    modules = [name for part in info(peer)["operators"] for name in part["python-modules"]]
    sources = [Path(importlib.util.find_spec(name).origin).read_text(encoding="utf-8") for name in modules]
    assert [source for source in sources if re.search(r"^class \w*Cancel", source, re.MULTILINE)] == []
    assert sources


def info(peer):
    """What a provider tells Airflow about itself."""
    name = {"common-ai": "common.ai"}.get(peer, peer)
    return importlib.import_module(f"airflow.providers.{name}.get_provider_info").get_provider_info()


def test_who_may_choose_to_fail_rather_than_to_resubmit():
    assert of("common-ai", "choice to fail rather than resubmit when in doubt") == "yes"
    assert {"on_stale_state", "on_orphaned_intent"} <= set(inspect.signature(load(OPERATORS["common-ai"])).parameters)
