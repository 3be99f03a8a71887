"""Which Dags and task instances of this Airflow made which batches, as far as they still exist."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeAlias, TypeVar

from airflow.models import DagModel, TaskInstance
from airflow.utils.session import create_session
from sqlalchemy import select, tuple_
from sqlalchemy.sql import Select

from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.batches.identity import READABLE_KEYS, Identity, named_owner

T = TypeVar("T")
Key: TypeAlias = tuple[str, str, str, int]
"""Dag, task, run and map index."""

DAG_KEY = READABLE_KEYS[0]

AT_ONCE = 200
"""How many one query asks for, each with up to four values: older SQLite takes 999."""

MAX_ID_CHARS = 250
"""The longest id that Airflow has. Metadata may hold anything, also what a database takes for no text, such as NUL."""


def dags_of(batches: Iterable[Batch]) -> dict[str, str]:
    """The Dag of this Airflow that each batch names, by batch; it need not name a task too."""
    named = {batch.id: dag_id for batch in batches if _may_be_an_id(dag_id := batch.metadata.get(DAG_KEY, ""))}
    known: set[str] = set()
    with create_session() as session:
        for some in _some_of(sorted(set(named.values()))):
            known.update(session.scalars(select(DagModel.dag_id).where(DagModel.dag_id.in_(some))))
    return {batch_id: dag_id for batch_id, dag_id in named.items() if dag_id in known}


def owners_of(batches: Iterable[Batch]) -> dict[str, Identity]:
    """The task instance of this Airflow that each batch names, by batch."""
    named = {batch.id: owner for batch in batches if (owner := named_owner(batch)) and _has_ids(owner)}
    known: set[Key] = set()
    with create_session() as session:
        for some in _some_of([*dict.fromkeys(map(_key, named.values()))]):
            known.update((row[0], row[1], row[2], row[3]) for row in session.execute(_those_of(some)))
    return {batch_id: owner for batch_id, owner in named.items() if _key(owner) in known}


def _those_of(keys: Sequence[Key]) -> Select[str, str, str, int]:
    """Ask which of these task instances there are."""
    columns = (TaskInstance.dag_id, TaskInstance.task_id, TaskInstance.run_id, TaskInstance.map_index)
    return select(*columns).where(tuple_(*columns).in_(keys))


def _may_be_an_id(text: str) -> bool:
    return 0 < len(text) <= MAX_ID_CHARS and text.isprintable()


def _has_ids(owner: Identity) -> bool:
    return all(map(_may_be_an_id, (owner.dag_id, owner.task_id, owner.run_id)))


def _key(owner: Identity) -> Key:
    return owner.dag_id, owner.task_id, owner.run_id, owner.map_index


def _some_of(values: Sequence[T]) -> Iterator[list[T]]:
    rest = iter(values)
    while some := list(islice(rest, AT_ONCE)):
        yield some
