"""What differs between the supported versions of Airflow, 3.0 to 3.3; all else is imported from Airflow directly.

``apache-airflow-providers-common-compat`` hands on some of this too, but the version of it that an Airflow
release pins lacks what came later (Airflow 3.0.6 pins 1.7, which has no ``sdk`` module).
"""

from __future__ import annotations

import asyncio
import re
import time
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from airflow.sdk import BaseHook, Connection, conf
    from airflow.sdk.exceptions import (
        AirflowFailException,
        AirflowNotFoundException,
        AirflowSensorTimeout,
        AirflowSkipException,
        AirflowTaskTimeout,
    )
    from airflow.sdk.log import mask_secret
    from airflow.triggers.base import BaseEventTrigger
else:
    try:
        from airflow.sdk import BaseHook
    except ImportError:  # 3.0
        from airflow.hooks.base import BaseHook
    try:
        from airflow.sdk.log import mask_secret
    except ImportError:  # 3.0
        from airflow.sdk.execution_time.secrets_masker import mask_secret
    try:
        from airflow.sdk.configuration import conf
        from airflow.sdk.exceptions import (
            AirflowFailException,
            AirflowNotFoundException,
            AirflowSensorTimeout,
            AirflowSkipException,
            AirflowTaskTimeout,
        )
    except ImportError:  # 3.0 and 3.1
        from airflow.configuration import conf
        from airflow.exceptions import (
            AirflowFailException,
            AirflowNotFoundException,
            AirflowSensorTimeout,
            AirflowSkipException,
            AirflowTaskTimeout,
        )

__all__ = [
    "DEFERRABLE",
    "AirflowFailException",
    "AirflowNotFoundException",
    "AirflowSensorTimeout",
    "AirflowSkipException",
    "AirflowTaskTimeout",
    "BaseHook",
    "amask_secret",
    "aread_store",
    "asset_stores",
    "awrite_store",
    "conf",
    "connection_and_extra",
    "determine_kwargs",
    "has_partitions",
    "mask_secret",
    "started_at",
    "stats",
    "stream_producer",
    "takes_nested_extra_by_alias",
    "takes_pages",
]

DEFERRABLE = conf.getboolean("operators", "default_deferrable", fallback=False)
"""Whether tasks wait in the triggerer where their Dag does not say it."""


async def connection_and_extra(hook: BaseHook, conn_id: str) -> tuple[Connection, dict[str, Any]]:
    """Look up a connection and its parsed ``extra`` from a coroutine, without blocking the event loop.

    Raises:
        AirflowNotFoundException: There is no such connection.
    """
    from airflow.sdk import Connection  # noqa: PLC0415 - a Dag file needs none

    if hasattr(Connection, "aextra_dejson"):  # 3.3.2
        try:
            connection = await hook.aget_connection(conn_id)
        except AirflowNotFoundException:
            # dag.test() finds connections of the database only this way.
            connection = await asyncio.to_thread(hook.get_connection, conn_id)
        return connection, await connection.aextra_dejson()
    # Older ones mask secrets with a synchronous call to the supervisor, which fails in an event loop; asgiref's
    # threads know the event loop that the call has to be made from.
    from asgiref.sync import sync_to_async  # noqa: PLC0415 - only in the triggerer

    connection = await sync_to_async(hook.get_connection)(conn_id)
    return connection, await sync_to_async(lambda: connection.extra_dejson)()


def determine_kwargs(
    function: Callable[..., Any], args: Collection[Any], kwargs: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Those of the arguments by name that a function takes, beside these by position."""
    try:
        from airflow.sdk.bases.decorator import determine_kwargs as determine  # noqa: PLC0415 - when a task runs
    except ImportError:  # 3.0
        from airflow.utils.operator_helpers import (  # type: ignore[attr-defined]  # noqa: PLC0415 - likewise
            determine_kwargs as determine,
        )
    found: Mapping[str, Any] = determine(function, args, kwargs)
    return found


async def amask_secret(secret: Any) -> None:
    """Strike a secret, or each of a list, out of the logs of tasks, from a coroutine."""
    try:
        from airflow.sdk.log import amask_secret  # noqa: PLC0415 - 3.3.2
    except ImportError:
        from asgiref.sync import sync_to_async  # noqa: PLC0415 - only in the triggerer

        await sync_to_async(mask_secret)(secret)
    else:
        await amask_secret(secret)


def started_at(ti: Any) -> float:
    """When the running try of a task began, as Unix time; ``dag.test()`` of Airflow 3.0.0 does not know it."""
    return float(ti.start_date.timestamp()) if ti.start_date else time.time()


@cache
def stats() -> Any:
    """Airflow's ``Stats``, which sends metrics to where its configuration says; imported when it is first asked for."""
    try:
        from airflow.sdk.observability.stats import Stats  # noqa: PLC0415 - only for those who ask
    except ImportError:  # 3.0 and 3.1
        from airflow.stats import Stats  # noqa: PLC0415 - likewise
    return Stats


def has_partitions() -> bool:
    """Whether a task can report which partitions of an asset it has written (from 3.3 on)."""
    from airflow.sdk.execution_time.context import OutletEventAccessor  # noqa: PLC0415 - only for those who ask

    return hasattr(OutletEventAccessor, "add_partitions")


def takes_nested_extra_by_alias() -> bool:
    """Whether the ``extra`` of an alias' event may hold dicts and lists: before 3.1.3 Airflow uses it as a key."""
    return _release() >= (3, 1, 3)


def takes_pages() -> bool:
    """Whether a plugin may add a page to Airflow's UI: 3.0 cannot, and in 3.1.0 its API does not know the user."""
    return _release() >= (3, 1, 1)


def _release() -> tuple[int, ...]:
    from airflow import __version__  # noqa: PLC0415 - only for those who ask

    return tuple(map(int, re.findall(r"\d+", __version__)[:3]))


def asset_stores(trigger: BaseEventTrigger) -> list[Any]:
    """Where a watcher may store something, one for each of its assets; none below 3.3.

    Airflow makes one trigger of two equal watchers, and gives it the stores of both in one object, of which the public
    part works for a single one.
    """
    stores: Any = getattr(trigger, "asset_state_store", None)
    if stores is None:
        return []
    return [*getattr(stores, "_by_name", {}).values(), *getattr(stores, "_by_uri", {}).values()] or [stores]


async def aread_store(store: Any, key: str) -> Any:
    """Read from a store of `asset_stores` in a coroutine; None if it has nothing."""
    if hasattr(store, "aget"):  # 3.3.2
        return await store.aget(key)
    return await asyncio.to_thread(store.get, key)


async def awrite_store(store: Any, key: str, value: Any) -> None:
    """Write into a store of `asset_stores` in a coroutine."""
    if hasattr(store, "aset"):  # 3.3.2
        await store.aset(key, value)
    else:
        await asyncio.to_thread(store.set, key, value)


def stream_producer() -> type[Any]:
    """The base class of what feeds a stream that triggers share; below 3.3 there is none."""
    try:
        from airflow.triggers.shared_stream import SharedStreamProducer  # noqa: PLC0415 - only in the triggerer
    except ImportError:
        return object
    return SharedStreamProducer
