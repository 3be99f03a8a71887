"""OpenLineage's names of what a task reads and writes: a namespace, and a name in it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_groq.assets import SCHEME, batches_path
from airflow_provider_groq.exceptions import GroqError
from airflow_provider_groq.storage.paths import LOCAL, storage_path
from airflow_provider_groq.storage.row_files import MAGIC

AMAZON = frozenset({"s3", "s3a", "s3n"})
GOOGLE = frozenset({"gs", "gcs"})
AZURE = frozenset({"abfs", "abfss", "adl", "az", "wasb", "wasbs"})


def name_of_path(path: Any, accounts: Mapping[str, str], *, pattern: bool = False) -> tuple[str, str] | None:
    """The namespace and name of a file or folder.

    The connection in the path (``s3://aws_default@bucket/…``) is left out: it says who reads, not what.

    Args:
        path: A local path, or the URI of an object storage.
        accounts: The storage account of each Azure container, which belongs to the name and is not in the path.
        pattern: Whether it may be a pattern, for which the folder above its files is named.

    Returns:
        None if the account is not known, or the path is empty.
    """
    scheme, separator, rest = str(path).partition("://")
    if not separator:
        scheme, rest = "", scheme
    if pattern:
        rest = _above_pattern(rest)
    if scheme in LOCAL:
        local = os.path.abspath(os.path.expanduser(rest))  # noqa: PTH100, PTH111 - as the task does it
        return ("file", local) if rest else None
    netloc, _, key = rest.partition("/")
    bucket, name = netloc.rpartition("@")[2], key.strip("/") or "/"
    if scheme in AMAZON:
        return f"s3://{bucket}", name
    if scheme in GOOGLE:
        return f"gs://{bucket}", name
    if scheme in AZURE:
        account = accounts.get(bucket)
        return (f"abfss://{bucket}@{account}.dfs.core.windows.net", name) if account else None
    return f"{scheme}://{bucket}", name.partition("?")[0]


def name_of_batch(groq_conn_id: str, batch_id: str) -> tuple[str, str]:
    """The namespace and name of a batch, which are those of its asset."""
    return f"{SCHEME}://{groq_conn_id}", batches_path(batch_id)


def account_of(path: Any) -> dict[str, str]:
    """The storage account of an Azure container that has been reached, by the container; empty for other paths."""
    parts = urlsplit(str(path))
    if parts.scheme not in AZURE:
        return {}
    try:
        filesystem: Any = storage_path("path", path).fs
    except GroqError:  # a task does not fail for its lineage
        return {}
    service = getattr(filesystem, "service_client", None)  # knows it where a connection string says it
    account = getattr(filesystem, "account_name", None) or getattr(service, "account_name", None)
    return {parts.netloc.rpartition("@")[2]: account} if account else {}


def _above_pattern(path: str) -> str:
    found = MAGIC.search(path)
    if found is None:
        return path
    folder, separator, _ = path[: found.start()].rpartition("/")
    return folder or separator or "."
