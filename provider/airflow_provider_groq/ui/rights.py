"""Who may see and cancel which batches: Airflow's auth manager decides, by the Dag that a batch names.

A batch that names no Dag of this Airflow is for those who may see, or change, the connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import ConnectionDetails, DagAccessEntity, DagDetails
from airflow.models.connection import Connection
from airflow.models.dag import DagModel
from airflow.utils.session import create_session
from fastapi import HTTPException, Request
from sqlalchemy import select

from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.batches.identity import Identity
from airflow_provider_groq.compat import conf
from airflow_provider_groq.hooks.groq import GroqHook
from airflow_provider_groq.ui.owners import dags_of, owners_of


@dataclass(frozen=True, slots=True)
class Sight:
    """What a user may see of some batches of a connection.

    Attributes:
        batches: Those that the user may see.
        dags: The Dags of this Airflow that they name, by batch.
        owners: The task instances of this Airflow that they name, by batch.
        may_cancel: Those of them that the user may cancel, and that have not ended.
        of_no_dag: Whether the user may see those that name no Dag of this Airflow.
    """

    batches: tuple[Batch, ...]
    dags: dict[str, str]
    owners: dict[str, Identity]
    may_cancel: frozenset[str]
    of_no_dag: bool


class Rights:
    """What a user may do with a connection and its batches. Each answer is the auth manager's, asked in a thread.

    For one request. Only about the Dags that batches name is asked, however many Airflow has, and about each once.

    Args:
        user: The user, as Airflow's API knows it.
        conn_id: The connection.
    """

    def __init__(self, user: Any, conn_id: str) -> None:
        self._user = user
        self._conn_id = conn_id
        self._sees: dict[str, bool] = {}
        self._cancels: dict[str | None, bool] = {}

    async def sees_connection(self) -> bool:
        """Whether the user may see the connection."""
        return await asyncio.to_thread(self._may_use, "GET")

    async def sees_anything(self) -> bool:
        """Whether the user may see the connection, or list Dags, whose batches could be among its own."""
        return await self.sees_connection() or await asyncio.to_thread(self._lists_dags)

    async def sight(self, batches: Iterable[Batch]) -> Sight:
        """What the user may see of these batches."""
        return await asyncio.to_thread(self._sight, tuple(batches))

    async def may_cancel(self, batches: Iterable[Batch]) -> bool:
        """Whether the user may cancel all of these: change task instances of their Dags, the connection without one."""
        return await asyncio.to_thread(self._may_cancel_all, tuple(batches))

    def _sight(self, batches: tuple[Batch, ...]) -> Sight:
        dags = dags_of(batches)
        self._ask_about({*dags.values()} - self._sees.keys())
        others = self._may_use("GET")
        seen = tuple(batch for batch in batches if (self._sees[dags[batch.id]] if batch.id in dags else others))
        return Sight(
            seen,
            {batch.id: dags[batch.id] for batch in seen if batch.id in dags},
            owners_of(seen),
            frozenset(batch.id for batch in seen if not batch.terminal and self._may_cancel(dags.get(batch.id))),
            of_no_dag=others,
        )

    def _may_cancel_all(self, batches: tuple[Batch, ...]) -> bool:
        dags = dags_of(batches)
        return all(self._may_cancel(dags.get(batch.id)) for batch in batches)

    def _lists_dags(self) -> bool:
        return get_auth_manager().is_authorized_dag(method="GET", user=self._user)

    def _ask_about(self, dag_ids: set[str]) -> None:
        """Ask which of these Dags the user may see, in one question where the auth manager knows how."""
        of_teams: dict[tuple[tuple[str, str | None], ...], set[str]] = {}
        for dag_id in dag_ids:
            of_teams.setdefault(tuple(_team(DagModel, dag_id).items()), set()).add(dag_id)
        for team, theirs in of_teams.items():
            allowed = get_auth_manager().filter_authorized_dag_ids(
                dag_ids=theirs, user=self._user, method="GET", **dict(team)
            )
            self._sees |= {dag_id: dag_id in allowed for dag_id in theirs}

    def _may_cancel(self, dag_id: str | None) -> bool:
        if dag_id not in self._cancels:
            self._cancels[dag_id] = self._may_edit(dag_id) if dag_id is not None else self._may_use("PUT")
        return self._cancels[dag_id]

    def _may_edit(self, dag_id: str) -> bool:
        details = DagDetails(id=dag_id, **_team(DagModel, dag_id))
        entity = DagAccessEntity.TASK_INSTANCE
        manager = get_auth_manager()
        return manager.is_authorized_dag(method="PUT", access_entity=entity, details=details, user=self._user)

    def _may_use(self, method: Literal["GET", "PUT"]) -> bool:
        return _may_use(self._user, self._conn_id, method)


def connections_for(user: Any) -> list[str]:
    """The connections of type ``groq`` in Airflow's database that a user may see."""
    with create_session() as session:
        ids = session.scalars(select(Connection.conn_id).where(Connection.conn_type == GroqHook.conn_type)).all()
    return sorted(conn_id for conn_id in ids if _may_use(user, conn_id, "GET"))


def refuse_foreign_pages(request: Request) -> None:
    """Refuse what a page of another site may have made the user's browser send: Airflow's login is a cookie.

    Raises:
        HTTPException: Neither does the browser say that a page of this Airflow sent it, nor is there a token.
    """
    bearer = request.headers.get("authorization", "").lower().startswith("bearer ")
    if not bearer and request.headers.get("sec-fetch-site") != "same-origin":
        raise HTTPException(
            403,
            "This request must come from a page of this Airflow, or with a token as Authorization: Bearer. Browsers "
            "send the origin of a request only over HTTPS or on localhost.",
        )


def _may_use(user: Any, conn_id: str, method: Literal["GET", "PUT"]) -> bool:
    details = ConnectionDetails(conn_id=conn_id, **_team(Connection, conn_id))
    return get_auth_manager().is_authorized_connection(method=method, details=details, user=user)


def _team(model: type[Connection | DagModel], key: str) -> dict[str, str | None]:
    """Whose a Dag or a connection is, where teams share this Airflow."""
    if not conf.getboolean("core", "multi_team", fallback=False):
        return {}
    return {"team_name": model.get_team_name(key)}
