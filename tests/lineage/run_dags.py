"""Runs Dags with Airflow's own `dag.test()`, in a process of its own: listeners are loaded once in a process.

The arguments are their file, a folder, which the Dags find in their configuration, and the Dags. Prints the states of
the runs, as JSON.
"""

import json
import sys

from airflow.dag_processing.dagbag import DagBag

from airflow_provider_groq.batches import poll_loop, polling
from airflow_provider_groq.operators import waiting
from airflow_provider_groq.triggers import batch


def main(file, folder, *dag_ids):
    waiting.WATCH_SECONDS = 0.0  # as the fixture `quick` has it
    batch.EARLIEST_EVENT = 0.0
    poll_loop.LINGER = 0.02
    poll_loop.EARLY = 0.0
    polling.FIRST_PAUSE = 0.05
    bag = DagBag(file)
    states = {dag_id: str(bag.dags[dag_id].test(run_conf={"folder": folder}).state) for dag_id in dag_ids}
    print("\n" + json.dumps({"states": states}))  # noqa: T201 - read by the test


if __name__ == "__main__":
    main(*sys.argv[1:])
