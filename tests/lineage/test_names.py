"""The names of datasets, as OpenLineage's naming specification has them."""

from pathlib import Path

import pytest
from airflow.sdk import Asset, ObjectStoragePath
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem
from openlineage.client.naming.dataset import ABFSS, GCS, S3, LocalFileSystem

from airflow_provider_groq.assets import create_asset, folder_asset, to_openlineage
from airflow_provider_groq.lineage.names import account_of, name_of_batch, name_of_path


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/data/in.jsonl", LocalFileSystem("/data/in.jsonl")),
        ("/data/out/", LocalFileSystem("/data/out")),
        ("file:///data/out", LocalFileSystem("/data/out")),
        ("~/out", LocalFileSystem(str(Path.home() / "out"))),
        ("out/../in", LocalFileSystem(str(Path.cwd() / "in"))),
        ("s3://bucket/answers/2026-11-24", S3("bucket", "answers/2026-11-24")),
        ("s3://aws_default@bucket/answers/", S3("bucket", "answers")),
        ("s3a://bucket/ä b", S3("bucket", "ä b")),
        ("s3://bucket", S3("bucket", "/")),
        ("gs://google_default@bucket/answers", GCS("bucket", "answers")),
        ("gcs://bucket/answers", GCS("bucket", "answers")),
        ("abfs://wasb_default@container/answers", ABFSS("container", "account", "answers")),
    ],
)
def test_paths(path, name):
    expected = (name.get_namespace(), name.get_name())
    assert name_of_path(path, {"container": "account"}) == expected


def test_paths_of_airflow():
    path = ObjectStoragePath("s3://aws_default@bucket/answers")
    assert name_of_path(path, {}) == ("s3://bucket", "answers")


def test_a_container_has_no_name_until_its_account_is_known():
    """The storage knows it, once it has been reached."""

    class Storage(MemoryFileSystem):
        account_name = "ours"

    attach("abfs", conn_id="lineage", fs=Storage())
    path = "abfs://lineage@container/answers"
    assert name_of_path(path, {}) is None
    assert account_of(path) == {"container": "ours"}
    assert name_of_path(path, account_of(path)) == ("abfss://container@ours.dfs.core.windows.net", "answers")
    assert account_of("s3://bucket/answers") == account_of("/data") == {}
    assert account_of("abfs://no_such_connection@container/answers") == {}  # and no error


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("s3://aws_default@bucket/in/*.jsonl", ("s3://bucket", "in")),
        ("s3://bucket/*.jsonl", ("s3://bucket", "/")),
        ("/data/**/[ab].csv", ("file", "/data")),
        ("/*.csv", ("file", "/")),
        ("*.csv", ("file", str(Path.cwd()))),
        ("/data/in.csv", ("file", "/data/in.csv")),
    ],
)
def test_the_folder_stands_for_the_files_of_a_pattern(path, name):
    assert name_of_path(path, {}, pattern=True) == name


def test_no_secret_of_an_address_is_told():
    """Such as those of a URL that was signed."""
    name = name_of_path("https://user:secret@host/in.jsonl?signature=secret", {})
    assert name == ("https://host", "in.jsonl")


@pytest.mark.parametrize("path", ["/tmp/answers/ds=2026-11-24", "s3://aws_default@bucket/answers"])  # noqa: S108
def test_a_folder_has_the_name_that_its_asset_has(path):
    """As Airflow's own converters name it, so that tasks that read the asset follow in the lineage."""
    from airflow.providers.openlineage.utils.utils import translate_airflow_asset

    dataset = translate_airflow_asset(folder_asset(path), None)
    assert (dataset.namespace, dataset.name) == name_of_path(path, {})


@pytest.mark.parametrize("name", ["nightly", "batch_01m8", "a b/ü"])
def test_so_have_batches(name):
    """Airflow finds the converter by the package's metadata."""
    from airflow.providers.openlineage.utils.utils import translate_airflow_asset

    asset = create_asset(groq_conn_id="team", name=name)
    dataset = translate_airflow_asset(asset, None)
    assert (dataset.namespace, dataset.name) == name_of_batch("team", name)
    assert dataset == to_openlineage(asset, None)


def test_all_batches_of_a_connection_have_one_too():
    dataset = to_openlineage(Asset("groq://team/batches"), None)
    assert (dataset.namespace, dataset.name) == ("groq://team", "batches")
