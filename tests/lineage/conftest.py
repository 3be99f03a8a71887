"""These tests are left out where Airflow's OpenLineage provider is not installed."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("openlineage") else ["test_*.py"]
