"""The page's files, and the API behind it, as an application that Airflow's API server mounts."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from pydantic import BaseModel, Field

from airflow_provider_groq.api.models import MAX_ID_CHARS, Batch
from airflow_provider_groq.hooks import DEFAULT_CONN_ID
from airflow_provider_groq.ui import cancels
from airflow_provider_groq.ui.account import Account
from airflow_provider_groq.ui.audit import record_cancels
from airflow_provider_groq.ui.connections import client_of, read_settings
from airflow_provider_groq.ui.problems import problem_of, told
from airflow_provider_groq.ui.rights import Rights, Sight, connections_for, refuse_foreign_pages
from airflow_provider_groq.ui.rows import Json, batch_row, group_row, groups_of, has_status, moment
from airflow_provider_groq.ui.windows import Window

MAX_SEARCHED = 5
"""How many windows one request searches for batches that the filters let through."""

SEARCH_SECONDS = 8.0
"""For how long it does so at most."""

MAX_CANCELLED = 500
"""How many batches one request cancels at most; a window rarely has more."""


class Wanted(NamedTuple):
    """What a request for batches says: where to begin, and what to let through."""

    cursor: str | None
    status: str
    dag: str


Text = Annotated[str, Query(max_length=2_000)]


def wanted(cursor: Text = "", status: Text = "", dag: Text = "") -> Wanted:
    """The query of such a request; empty is as good as left out."""
    return Wanted(cursor or None, status, dag)


BatchId = Annotated[str, Field(min_length=1, max_length=MAX_ID_CHARS)]


class Cancel(BaseModel):
    """What a request to cancel says: a batch, or several of one job."""

    batch_ids: list[BatchId] = Field(min_length=1, max_length=MAX_CANCELLED)


class _Files(StaticFiles):
    """Files that a browser always requests again: after an upgrade, old and new modules must not be mixed."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """The file, or that it has not changed."""
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


def create_app() -> FastAPI:
    """The application; each has an `Account` of its own."""
    app = FastAPI(title="Groq batches", openapi_url=None, docs_url=None, redoc_url=None)
    app.state.account = Account()
    app.get("/api/connections")(list_connections)
    app.get("/api/connections/{connection_id:path}/batches")(list_batches)
    app.post("/api/connections/{connection_id:path}/cancel")(cancel_batches)
    app.mount("/static", _Files(directory=Path(__file__).with_name("static")))
    return app


async def list_connections(user: GetUserDep) -> Response:
    """The connections to choose from. Those of the environment and of secrets backends cannot be listed."""
    return JSONResponse({"connections": await asyncio.to_thread(connections_for, user), "default": DEFAULT_CONN_ID})


async def list_batches(
    request: Request, connection_id: str, user: GetUserDep, wanted: Annotated[Wanted, Depends(wanted)]
) -> Response:
    """What the user may see of a connection's batches, newest first, from a cursor on.

    Where the filters let nothing through, older windows are searched, up to a limit.
    """
    rights = Rights(user, connection_id)
    if not await rights.sees_anything():
        raise HTTPException(403, "You may see neither this connection nor a Dag.")
    account: Account = request.app.state.account
    clock = asyncio.get_running_loop().time
    stop_at = clock() + SEARCH_SECONDS
    cursor = wanted.cursor
    answer: Json = {"groups": [], "dags": [], "searched": 0, "left_out": 0}
    for _ in range(MAX_SEARCHED):
        async with told(rights):
            window, fresh_for = await account.window(connection_id, cursor)
        sight = await rights.sight(window.batches)
        # In a thread, as all that takes longer the more batches there are.
        await asyncio.to_thread(_add, answer, window, sight, wanted)
        fresh_for = min(fresh_for, answer.get("fresh_for", fresh_for))
        answer |= {"older": window.older, "asked_at": window.asked_at, "fresh_for": fresh_for}
        cursor = window.older
        if answer["groups"] or cursor is None or clock() > stop_at:
            break
    # The json module would hold up all threads for as long as it writes.
    return Response(msgspec.json.encode(answer | {"now": time.time()}), media_type="application/json")


def _add(answer: Json, window: Window, sight: Sight, wanted: Wanted) -> None:
    """Add to an answer what the filters let through of a window. It reveals nothing that the user may not see."""
    now = time.time()
    for group in groups_of(sight.batches):
        if any(_let_through(batch, sight, wanted) for batch in group):
            row = group_row(group, owners=sight.owners, dags=sight.dags, may_cancel=sight.may_cancel, now=now)
            goes_on = window.older is not None and group[-1].id == window.batches[-1].id
            answer["groups"].append(row | {"goes_on": goes_on})
    answer["dags"] = sorted({*answer["dags"], *sight.dags.values()})
    answer["searched"] += len(sight.batches)
    answer["left_out"] += window.left_out if sight.of_no_dag else 0
    created = [created_at for batch in sight.batches if (created_at := moment(batch.created_at))]
    answer["back_to"] = min(created, default=answer.get("back_to"))


def _let_through(batch: Batch, sight: Sight, wanted: Wanted) -> bool:
    return has_status(batch, wanted.status) and (not wanted.dag or sight.dags.get(batch.id) == wanted.dag)


async def cancel_batches(request: Request, connection_id: str, user: GetUserDep, cancel: Cancel) -> Response:
    """Ask Groq to cancel batches, if the user may cancel all of them; those that have ended are left as they are."""
    refuse_foreign_pages(request)
    rights = Rights(user, connection_id)
    async with told(rights, of_batch=True):
        settings = await asyncio.to_thread(read_settings, connection_id)
        async with client_of(settings) as client:
            batches = await cancels.poll(client, [*dict.fromkeys(cancel.batch_ids)])
            if not await rights.may_cancel(batches):
                raise HTTPException(403, "You may not cancel this.")
            if under_way := [*filter(cancels.may_be_cancelled, batches)]:
                await asyncio.to_thread(record_cancels, user, connection_id, under_way)
            batches, errors = await cancels.cancel(client, batches)
    account: Account = request.app.state.account
    account.saw(connection_id, batches)
    now = time.time()
    problem = await problem_of(errors[0], rights) if errors else None
    return JSONResponse(
        {"batches": [batch_row(batch, now=now) for batch in batches], "failed": len(errors), "problem": problem}
    )
