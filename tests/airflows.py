"""What tests take from Airflow, which stands elsewhere in its older versions; what a version lacks is skipped."""

import airflow
import pytest

VERSION = tuple(int(part) for part in airflow.__version__.split(".")[:2])
"""Major and minor."""

NEEDED = {"groq_estimate_approve_send.py": (3, 1), "groq_partitions.py": (3, 3)}
"""The first version that has what an example Dag uses."""

NEWER_EXAMPLES = {name for name, needed in NEEDED.items() if needed > VERSION}
"""Those that this version cannot import."""

RESCHEDULED = "dag.test() that pokes a rescheduled sensor again"
SHOWN_WHOLE = "an error whose text is whole in the log of dag.test()"

try:
    from airflow.sdk.exceptions import TaskDeferred
except ImportError:  # 3.0 and 3.1
    from airflow.exceptions import TaskDeferred

try:
    from airflow.sdk.serde import deserialize, serialize  # which sets metrics up, too, when it is first imported
except ImportError:  # 3.0 and 3.1
    from airflow.serialization.serde import deserialize, serialize

try:
    from airflow.sdk.lineage import HookLineageCollector, get_hook_lineage_collector
except ImportError:  # 3.0
    from airflow.lineage.hook import HookLineageCollector, get_hook_lineage_collector

__all__ = [
    "NEWER_EXAMPLES",
    "RESCHEDULED",
    "SHOWN_WHOLE",
    "VERSION",
    "HookLineageCollector",
    "TaskDeferred",
    "cache_secrets",
    "dag_bag",
    "deserialize",
    "get_hook_lineage_collector",
    "redact",
    "send_metrics",
    "serialize",
    "since",
    "statsd_logger",
    "timeout",
]


def since(major, minor, what):
    """Marks tests of what Airflow has from this version on."""
    return pytest.mark.skipif((major, minor) > VERSION, reason=f"{what} came with Airflow {major}.{minor}")


def dag_bag(folder):
    """The Dags of a folder."""
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # 3.0 and 3.1
        from airflow.models.dagbag import DagBag
    return DagBag(folder)


def cache_secrets():
    """Import what Airflow else imports at its first look-up of a connection, which blocks the event loop."""
    try:
        import airflow.sdk.execution_time.cache
    except ImportError:  # 3.0
        import airflow.secrets.cache  # noqa: F401 - likewise


def redact(text):
    """A text as the logs of tasks show it."""
    try:
        from airflow.sdk._shared.secrets_masker import redact
    except ImportError:  # 3.0 and 3.1
        from airflow.sdk.execution_time.secrets_masker import redact
    return redact(text)


def statsd_logger():
    """What sends metrics to StatsD, as Airflow makes it by its settings."""
    try:
        from airflow.sdk.observability.metrics import statsd_logger
    except ImportError:  # 3.0 and 3.1
        from airflow.metrics import statsd_logger
        from airflow.stats import Stats

        return statsd_logger.get_statsd_logger(Stats)
    return statsd_logger.get_statsd_logger()


def send_metrics(make=None):
    """Have Airflow make anew what sends its metrics, in this way; or send none."""
    try:
        from airflow.sdk._shared.observability.metrics.base_stats_logger import NoStatsLogger
        from airflow.sdk.observability import stats
    except ImportError:  # 3.0 and 3.1
        from airflow.metrics.base_stats_logger import NoStatsLogger
        from airflow.stats import Stats

        type(Stats).factory = staticmethod(make or NoStatsLogger)
        Stats.instance = None
        return
    if hasattr(stats, "initialize"):
        stats.initialize(factory=make or NoStatsLogger, export_legacy_names=True)
    else:  # 3.2
        stats.Stats.initialize(factory=make or NoStatsLogger)


def timeout(seconds):
    """The clock of `execution_timeout`."""
    try:
        from airflow.sdk.execution_time.timeout import timeout
    except ImportError:  # 3.0
        from airflow.utils.timeout import timeout
    return timeout(seconds)
