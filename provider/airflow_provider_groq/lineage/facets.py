"""The record of a task as OpenLineage's datasets and facets. Needs OpenLineage's provider, which alone imports it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from os import PathLike
from typing import Any

import attr
from airflow.providers.common.compat.openlineage.utils.utils import translate_airflow_asset
from airflow.providers.openlineage.extractors import OperatorLineage
from airflow.providers.openlineage.extractors.manager import ExtractorManager
from airflow.sdk import Asset, ObjectStoragePath
from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import (
    RunFacet,
    external_query_run,
    input_statistics_input_dataset,
    output_statistics_output_dataset,
)

from airflow_provider_groq.batches.rendered import NOTHING
from airflow_provider_groq.jobs.amounts import Amount
from airflow_provider_groq.lineage.names import name_of_batch, name_of_path
from airflow_provider_groq.lineage.record import MAX_PATHS, Record

FACET = "groq_batches"
"""The key of the run facet."""

MAX_BATCHES = 200
"""How many batches are listed; events stay small."""

BATCH_ARGUMENTS = frozenset({"batch_id", "linked_batch_id"})


@attr.define
class GroqBatchesRunFacet(RunFacet):
    """The batches of a task at Groq, and how its requests ended. Its schema is beside this module.

    Attributes:
        connectionId: The Airflow connection.
        batchCount: How many batches.
        batches: The first of them: ``id`` and, as far as known, ``status``, ``round`` and ``requests``.
        models: The models of the requests.
        requests: How many requests or rows there are in ``total``, and how many ended in each way.
        tokens: The tokens used, by model.
        rounds: In how many rounds a job sent its rows.
        reused: How many rows of a job were answered from earlier outputs.
        duplicates: How many rows of a job have the same request as another.
        cost: The cost of a job, if its prices are known.
    """

    connectionId: str  # noqa: N815 - OpenLineage's form
    batchCount: int  # noqa: N815
    batches: list[dict[str, Any]]
    models: list[str]
    requests: dict[str, int]
    tokens: dict[str, dict[str, int]]
    rounds: int | None = None
    reused: int | None = None
    duplicates: int | None = None
    cost: float | None = None

    @staticmethod
    def _get_schema() -> str:
        return "urn:airflow-provider-groq:1-0-0:GroqBatchesRunFacet.json#/$defs/GroqBatchesRunFacet"


def lineage_of(operator: Any, record: Record | None) -> OperatorLineage[Any, Any]:
    """What a task reports to OpenLineage.

    Calls no server: it may run in a fork of the task's process, which must not use its connections.

    Args:
        operator: Its arguments are rendered.
        record: Its record; None if it has not started.
    """
    known = Record() if record is None else record
    inputs = [
        InputDataset(namespace=namespace, name=name, inputFacets=_input_facets(amount))
        for (namespace, name), amount in _places(operator, operator.lineage_reads, known, known.read).items()
    ]
    outputs = [
        OutputDataset(namespace=namespace, name=name, outputFacets=_output_facets(amount))
        for (namespace, name), amount in _places(operator, operator.lineage_writes, known, known.written).items()
    ]
    return OperatorLineage(
        inputs=_with_declared(inputs, operator.inlets),
        outputs=_with_declared(outputs, operator.outlets),
        run_facets={} if record is None else _run_facets(operator, record),
    )


def _places(
    operator: Any, names: Iterable[str], record: Record, amounts: Mapping[str, Amount]
) -> dict[tuple[str, str], Amount]:
    """The datasets that arguments name, and how much was read from or written to each."""
    places: dict[tuple[str, str], Amount] = {}
    for argument in names:
        batches = argument in BATCH_ARGUMENTS
        for given in _each(list(record.batches) if batches and record.batches else getattr(operator, argument, None)):
            if batches:
                place: tuple[str, str] | None = name_of_batch(operator.groq_conn_id, given)
                requests = record.batches.get(given, {}).get("requests", record.requests)
                amount = Amount(rows=requests.get("total"))
            else:
                place = name_of_path(given, record.accounts, pattern=operator.lineage_patterns)
                amount = amounts.get(given, Amount())
            if place is not None:
                places[place] = places.get(place, Amount()).plus(amount)
    return places


def _each(given: Any) -> Iterator[str]:
    """The paths or ids that an argument holds. It may be anything: the task itself checks it."""
    several = given if isinstance(given, (list, tuple)) else [given]
    for one in several[:MAX_PATHS]:
        if isinstance(one, (str, PathLike, ObjectStoragePath)) and str(one).strip() not in {"", *NOTHING}:
            yield str(one)


def _input_facets(amount: Amount) -> dict[str, Any]:
    facet = input_statistics_input_dataset.InputStatisticsInputDatasetFacet
    return _statistics("inputStatistics", facet, amount)


def _output_facets(amount: Amount) -> dict[str, Any]:
    facet = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet
    return _statistics("outputStatistics", facet, amount)


def _statistics(key: str, facet: Callable[..., Any], amount: Amount) -> dict[str, Any]:
    if amount == Amount():
        return {}
    return {key: facet(rowCount=amount.rows, size=amount.bytes, fileCount=amount.files)}


def _with_declared(datasets: list[Any], declared: Iterable[Any]) -> list[Any]:
    """Add the inlets or outlets of the Dag, which the provider leaves out if an operator reports datasets."""
    found: dict[tuple[str, str], Any] = {(dataset.namespace, dataset.name): dataset for dataset in datasets}
    for one in declared:
        # Older providers convert assets only in this way.
        is_asset = isinstance(one, Asset)
        dataset = translate_airflow_asset(one, None) if is_asset else ExtractorManager.convert_to_ol_dataset(one)
        if dataset is not None:
            found.setdefault((dataset.namespace, dataset.name), dataset)
    return list(found.values())


def _run_facets(operator: Any, record: Record) -> dict[str, Any]:
    if not record.batches and not record.requests:
        return {}
    batches = [{"id": batch_id, **told} for batch_id, told in record.batches.items()]
    facet = GroqBatchesRunFacet(
        connectionId=str(operator.groq_conn_id),
        batchCount=len(batches),
        batches=batches[:MAX_BATCHES],
        models=record.models,
        requests=record.requests if record.written else {**record.requests, **_sums(batches)},
        tokens=record.tokens,
        **record.more,
    )
    facets: dict[str, Any] = {FACET: facet}
    if len(batches) == 1:
        facets["externalQuery"] = external_query_run.ExternalQueryRunFacet(batches[0]["id"], source="groq")
    return facets


def _sums(batches: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """The counts of all batches that have counts."""
    sums: dict[str, int] = {}
    for batch in batches:
        for name, number in batch.get("requests", {}).items():
            sums[name] = sums.get(name, 0) + number
    return sums
