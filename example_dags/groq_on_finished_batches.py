"""How do I run a Dag when batches end that others created?"""

from __future__ import annotations

from airflow.sdk import DAG, Asset, AssetWatcher, Param, task

from airflow_provider_groq.operators.batch import GroqDownloadBatchResultsOperator
from airflow_provider_groq.triggers.batch import GroqBatchEventTrigger

FINISHED = Asset(
    "groq_finished_reviews",
    watchers=[
        AssetWatcher(
            name="groq_reviews",
            trigger=GroqBatchEventTrigger(
                # Only the batches of the account that were created with this metadata.
                metadata={"project": "reviews"},
                statuses=["completed", "expired"],
                poll_interval=30,
            ),
        )
    ],
)

with DAG(
    "groq_on_finished_batches",
    schedule=[FINISHED],
    is_paused_upon_creation=True,  # unpaused, it polls Groq twice a minute
    tags=["groq"],
    doc_md=__doc__,
    params={"output_path": Param("/tmp/groq", type="string")},  # noqa: S108 - an example
):

    @task
    def finished(triggering_asset_events: dict) -> list[str]:
        """The batches that have answers. One that is reported twice, as after a crash, is named once."""
        from airflow_provider_groq.batches.events import BatchEvent  # noqa: PLC0415 - not needed to parse the Dag

        events = [BatchEvent.read(event.extra["payload"]) for event in triggering_asset_events[FINISHED]]
        batches = [end.batch for event in events for end in event.ends]
        return list(dict.fromkeys(batch.id for batch in batches if batch.output_file_id))

    GroqDownloadBatchResultsOperator.partial(
        task_id="download",
        output_path="{{ params.output_path }}/{{ task.batch_id }}",
        doc_md="The results of each batch, in a folder named by its id.",
    ).expand(batch_id=finished())
