"""A server of S3's API, in a process of its own."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import pytest

KEYS = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "us-east-1"}


class ObjectStorage:
    """Moto's server, and the way to it as its owner has it.

    Args:
        conn_id: The Airflow connection that leads there.
        unguarded: After so many requests, only those are answered whose key has the right to; None for never.
    """

    def __init__(self, conn_id, *, unguarded=None):
        for module in ("boto3", "moto.server", "airflow.providers.amazon"):
            pytest.importorskip(module, reason="needs the dependency group s3")
        self.conn_id = conn_id
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        if unguarded is not None:
            environment["INITIAL_NO_AUTH_ACTION_COUNT"] = str(unguarded)
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
        self._log = tempfile.NamedTemporaryFile()  # noqa: SIM115 - as long as the server
        self._process = subprocess.Popen(command, env=environment, stdout=self._log, stderr=self._log)
        self.url = self._address()
        os.environ[f"AIRFLOW_CONN_{conn_id.upper()}"] = self.connection()

    def _address(self):
        log = Path(self._log.name)
        while not (found := re.search(r"Running on (http://127\.0\.0\.1:\d+)\n", log.read_text())):
            assert self._process.poll() is None, log.read_text()
            time.sleep(0.05)
        return found[1]

    def client(self, service="s3"):
        import boto3

        return boto3.client(service, endpoint_url=self.url, **KEYS)

    def connection(self, login=KEYS["aws_access_key_id"], password=KEYS["aws_secret_access_key"]):
        at_once = {"retries": {"total_max_attempts": 1}}
        extra = {"endpoint_url": self.url, "region_name": "us-east-1", "config_kwargs": at_once}
        return json.dumps({"conn_type": "aws", "login": login, "password": password, "extra": extra})

    def bucket(self):
        """A new one; its name."""
        name = f"bucket-{uuid.uuid4().hex[:12]}"
        self.client().create_bucket(Bucket=name)
        return name

    def uri(self, bucket, key=""):
        return f"s3://{self.conn_id}@{bucket}/{key}"

    def contents(self, bucket):
        """The objects in a bucket, and uploads that somebody left half done, by key."""
        client = self.client()
        listed = client.list_objects_v2(Bucket=bucket).get("Contents", [])
        objects = {row["Key"]: client.get_object(Bucket=bucket, Key=row["Key"])["Body"].read() for row in listed}
        halves = client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
        return objects | {half["Key"]: None for half in halves}

    def stop(self):
        """End the process, at once."""
        self._process.kill()
        self._process.wait()
        self._log.close()
        os.environ.pop(f"AIRFLOW_CONN_{self.conn_id.upper()}", None)
