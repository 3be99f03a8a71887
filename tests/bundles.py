"""Bundles of Dags: where Airflow finds them."""

import json

BUNDLES = "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"
LOCAL = "airflow.dag_processing.bundles.local.LocalDagBundle"


def bundles(*paths):
    """The value of `BUNDLES` for these folders, or files, of Dags."""
    return json.dumps(
        [{"name": f"our_{path.name}", "classpath": LOCAL, "kwargs": {"path": str(path)}} for path in paths]
    )
