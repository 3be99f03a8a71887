"""How an Airflow connection of type ``groq`` is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from airflow.sdk import Connection
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import PydanticCustomError

from airflow_provider_groq.api.settings import BASE_URL, Settings
from airflow_provider_groq.exceptions import GroqConnectionError

TYPES = frozenset({"groq", "generic", ""})

GATEWAYS = frozenset({"http", "openai", "pydanticai"})
"""Other types by which a gateway is known to Airflow. Without a host, their key would go to Groq, whose it is not."""


def _not_a_flag(value: Any) -> Any:
    """Refuse what Python, and so pydantic, takes for 0 or 1."""
    if isinstance(value, bool):
        raise PydanticCustomError("number", "Input should be a number, not true or false")
    return value


N = TypeVar("N", int, float)

Number = Annotated[N | None, BeforeValidator(_not_a_flag)]
"""A number, or text of one, as a URI has it."""


class Extra(BaseModel):
    """The tuning in a connection's ``extra``. What is null or left out is as `Settings` has it."""

    model_config = ConfigDict(extra="ignore", defer_build=True)

    timeout: Number[float] = None
    max_retries: Number[int] = None
    max_file_bytes: Number[int] = None
    allow_http: bool | None = None
    ca_bundle: str | None = None
    check_models: bool | None = None
    headers: Any = None
    """Checked by `Settings`, which shows no values."""


def settings_of(origin: str, connection: Connection, extra: Mapping[str, Any]) -> Settings:
    """What a connection says, checked.

    Args:
        origin: What to call it in messages, such as ``connection 'groq_default'``.
        connection: The connection.
        extra: Its ``extra``, parsed.

    Raises:
        GroqConnectionError: It cannot be used as it stands; the message names it.
    """
    try:
        base_url = _base_url(connection)
        _check_type(connection.conn_type or "", base_url)
        tuning = Extra.model_validate(extra).model_dump(exclude_none=True)
        if isinstance(tuning.get("headers"), str):
            tuning["headers"] = _object(tuning["headers"])
        return Settings(
            api_key=(connection.password or "").strip(), base_url=base_url or BASE_URL, origin=origin, **tuning
        )
    except ValidationError as error:
        raise GroqConnectionError(f"{_begun(origin)}: {_problem(error)}.") from None
    except GroqConnectionError as error:
        raise GroqConnectionError(f"{_begun(origin)}: {error}") from None


def _begun(origin: str) -> str:
    return origin[:1].upper() + origin[1:]


def _problem(error: ValidationError) -> str:
    """What is wrong first; of the extra as a whole nothing is shown, for headers in it may be secret."""
    first = error.errors(include_url=False)[0]
    if not first["loc"]:
        return f"extra must be a JSON object, but is {type(first['input']).__name__}"
    return f"{'.'.join(map(str, first['loc']))} in extra is {first['input']!r}: {first['msg']}"


def _check_type(conn_type: str, base_url: str) -> None:
    """The password of another service must not be sent to Groq, nor to that service's own host as a key."""
    if conn_type in TYPES or (conn_type in GATEWAYS and base_url):
        return
    if conn_type in GATEWAYS:
        raise GroqConnectionError(
            f"Its type is {conn_type!r} and it has no base URL (host), so its key may belong to another service. "
            "Set the base URL, or create a connection of type 'groq' and use it as groq_conn_id."
        )
    raise GroqConnectionError(
        f"Its type is {conn_type!r}, but must be 'groq'. Use a connection of that type as groq_conn_id."
    )


def _object(text: str) -> Any:
    """JSON that came as text, as it does in a connection's URI; any other text as it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text


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
