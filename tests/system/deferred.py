"""Deferred task instances without a scheduler: rows made through Airflow's own models.

    python deferred.py make FILE    a run of sense_deferred, with a deferred sensor for each batch id in the file;
                                    an id of "idle" gives a trigger that asks nobody
    python deferred.py look         their states and events, as JSON

Runs in a process of its own, in the environment of the Airflow that it makes them for.
"""

import json
import sys
import time
from pathlib import Path

POLL_INTERVAL = 20.0


def make(batch_ids):
    """Make a run with a deferred sensor for each batch."""
    from airflow._shared.timezones import timezone
    from airflow.models.dag_version import DagVersion
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.trigger import Trigger
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState, TaskInstanceState
    from airflow.utils.types import DagRunTriggeredByType, DagRunType

    dag_id = "sense_deferred"
    with create_session() as session:
        dag = SerializedDagModel.get_dag(dag_id, session=session)
        version = DagVersion.get_latest_version(dag_id, session=session)
        now = timezone.utcnow()
        run = dag.create_dagrun(
            run_id=f"deferred_{time.time_ns()}",
            logical_date=now,
            data_interval=(now, now),
            run_after=now,
            run_type=DagRunType.MANUAL,
            triggered_by=DagRunTriggeredByType.TEST,
            state=DagRunState.RUNNING,
            start_date=now,
            session=session,
        )
        for ti in run.get_task_instances(session=session):
            session.delete(ti)
        session.flush()
        task = dag.get_task("sense")
        for index, batch_id in enumerate(batch_ids):
            path, kwargs = trigger(batch_id).serialize()
            ti = TaskInstance(
                task=task,
                run_id=run.run_id,
                dag_version_id=version.id,
                map_index=index,
                state=TaskInstanceState.DEFERRED,
            )
            ti.try_number = 1
            ti.start_date = now
            ti.next_method = "execute_complete"
            ti.next_kwargs = {}
            ti.trigger = Trigger(classpath=path, kwargs=kwargs)
            session.add(ti)


def trigger(batch_id):
    """A wait for a batch; for "idle", one that asks nobody."""
    if batch_id == "idle":
        from datetime import timedelta

        from airflow._shared.timezones import timezone
        from airflow.providers.standard.triggers.temporal import DateTimeTrigger

        return DateTimeTrigger(timezone.utcnow() + timedelta(days=365))

    from airflow_provider_groq.triggers.batch import GroqBatchTrigger

    return GroqBatchTrigger([batch_id], poll_interval=POLL_INTERVAL, end_time=time.time() + 3600)


def poll():
    """The state of each task instance, and the batch and the end that its event names."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.serialization.serialized_objects import BaseSerialization
    from airflow.utils.session import create_session
    from sqlalchemy import select

    found = []
    with create_session() as session:
        for ti in session.scalars(select(TaskInstance).where(TaskInstance.dag_id == "sense_deferred")):
            kwargs = ti.next_kwargs or {}
            if "__type" in kwargs:
                kwargs = BaseSerialization.deserialize(kwargs)
            ends = (kwargs.get("event") or {}).get("ends") or [{}]
            found.append([ti.map_index, str(ti.state), ends[0].get("batch_id"), ends[0].get("reason"), ti.try_number])
    return found


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(json.loads(Path(sys.argv[2]).read_text()))
    else:
        print(json.dumps(poll()))  # noqa: T201 - for the process that asks
