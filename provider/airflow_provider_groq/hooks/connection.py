"""How an Airflow connection of type ``groq`` is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import Connection
from pydantic import BaseModel, ConfigDict, ValidationError

from airflow_provider_groq.api.settings import BASE_URL, Settings
from airflow_provider_groq.exceptions import GroqConnectionError


class Extra(BaseModel):
    """The tuning in a connection's ``extra``. What is null or left out is as `Settings` has it."""

    model_config = ConfigDict(extra="ignore", defer_build=True)

    timeout: float | None = None
    max_retries: int | None = None
    max_file_bytes: int | None = None
    allow_http: bool | None = None
    ca_bundle: str | None = None
    check_models: bool | None = None


def settings_of(conn_id: str, connection: Connection, extra: Mapping[str, Any]) -> Settings:
    """What a connection says, checked.

    Args:
        conn_id: Its id, for messages.
        connection: The connection.
        extra: Its ``extra``, parsed.

    Raises:
        GroqConnectionError: It cannot be used as it stands; the message names it.
    """
    try:
        tuning = Extra.model_validate(extra).model_dump(exclude_none=True)
        return Settings(
            api_key=(connection.password or "").strip(),
            base_url=_base_url(connection) or BASE_URL,
            origin=f"connection {conn_id!r}",
            **tuning,
        )
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        what = f"{'.'.join(map(str, first['loc']))} in extra" if first["loc"] else "extra"
        raise GroqConnectionError(f"Connection {conn_id!r}: {what} is {first['input']!r}: {first['msg']}.") from None
    except GroqConnectionError as error:
        raise GroqConnectionError(f"Connection {conn_id!r}: {error}") from None


def _base_url(connection: Connection) -> str:
    """The host as the form takes it, or as Airflow splits a connection URI."""
    host = (connection.host or "").strip()
    if host and "://" not in host and connection.schema in {"http", "https"}:
        host = f"{connection.schema}://{host}"
    scheme, separator, rest = host.partition("://")
    name, slash, path = rest.partition("/")
    if not separator or not connection.port or name.rpartition(":")[2].isdigit():
        return host
    return f"{scheme}://{name}:{connection.port}{slash}{path}"
