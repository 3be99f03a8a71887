"""Assets of this package: batches, as ``groq://`` URIs, and folders of answers.

Airflow imports this module whenever a Dag file names an asset by its URI, so it imports nothing that takes time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, quote, urlsplit

from airflow_provider_groq.hooks import DEFAULT_CONN_ID

if TYPE_CHECKING:
    from airflow.providers.common.compat.openlineage.facet import Dataset
    from airflow.sdk import Asset

SCHEME = "groq"
BATCHES = "batches"

FORM = "groq://<connection id>/batches, or groq://<connection id>/batches/<name or batch id>"

UNQUOTED = "/:=+@,~"
"""What stays as it is in the path of a URI: such as ``ds=2026-11-24`` in the name of a folder."""


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """Check the URI of batches; called by Airflow for each asset whose URI begins with ``groq://``.

    Args:
        uri: The URI, split.

    Returns:
        The URI, unchanged.

    Raises:
        ValueError: It names no connection, or has more than that before its path; it names no batches; or it has a
            query, but the path alone identifies an asset.
    """
    first, *names = uri.path.removeprefix("/").split("/")
    if not uri.netloc:
        raise ValueError(f"{uri.geturl()} names no connection before its path. The form is {FORM}.")
    if {"@", ":"} & set(uri.netloc):  # may be a key, which the error must not tell
        raise ValueError(f"A {SCHEME}:// URI has more than a connection id before {uri.path}. The form is {FORM}.")
    if first != BATCHES or any(name in {"", ".", ".."} for name in names):
        raise ValueError(f"{uri.geturl()} names no batches. The form is {FORM}.")
    if uri.query:
        raise ValueError(f"{uri.geturl()} has a query, but only its path identifies batches. The form is {FORM}.")
    return uri


def create_asset(
    *, groq_conn_id: str = DEFAULT_CONN_ID, name: str | None = None, extra: dict[str, Any] | None = None
) -> Asset:
    """Create the asset of a connection's batches.

    Args:
        groq_conn_id: The connection.
        name: Which batches: a name of your own for those that belong together, such as ``nightly``, or a batch id.
            None stands for all batches of the connection.
        extra: The asset's extra.

    Raises:
        ValueError: The name is empty, or has an empty part between slashes.
    """
    from airflow.sdk import Asset  # noqa: PLC0415 - see above

    return Asset(uri=sanitize_uri(urlsplit(f"{SCHEME}://{groq_conn_id}/{batches_path(name)}")).geturl(), extra=extra)


def batches_path(name: str | None) -> str:
    """The path of the URI of batches: those of a name, a batch, or all."""
    return BATCHES if name is None else f"{BATCHES}/{quote(name, safe=UNQUOTED)}"


def to_openlineage(asset: Asset, lineage_context: Any) -> Dataset:  # noqa: ARG001 - the provider's form
    """Make the dataset of batches; called by Airflow's OpenLineage provider for assets whose URI is ``groq://``.

    Args:
        asset: The asset.
        lineage_context: The hook or operator that tells of it.
    """
    from airflow.providers.common.compat.openlineage.facet import Dataset  # noqa: PLC0415 - see above

    uri = urlsplit(asset.uri)
    return Dataset(namespace=f"{SCHEME}://{uri.netloc}", name=uri.path.removeprefix("/"))


def folder_asset(path: Any) -> Asset:
    """Make the asset of a folder.

    Args:
        path: A local path, or the URI of an object storage. The connection in it (``s3://aws_default@bucket/…``) is
            left out: it names who reads the folder, not the folder.

    Raises:
        ValueError: Airflow takes no URI of that length or form.
    """
    from airflow.sdk import Asset  # noqa: PLC0415 - see above

    scheme, separator, rest = str(path).partition("://")
    if not separator:
        scheme, rest = "file", str(path)
    netloc, slash, key = rest.partition("/")
    return Asset(uri=f"{scheme}://{netloc.rpartition('@')[2]}{slash}{quote(key, safe=UNQUOTED)}")
