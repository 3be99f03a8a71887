"""How do I land a partition per day, and trigger another Dag for each? Needs Airflow 3.3."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from airflow.sdk import DAG, Asset, Param, PartitionedAssetTimetable, task

from airflow_provider_groq.answers import read_answers

ANSWERS = Asset("groq_reviews_answered")

with DAG(
    "groq_land_partitions",
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=True,  # unpaused, it asks Groq every day
    tags=["groq"],
    doc_md=__doc__,
    params={"output_path": Param("/tmp/groq", type="string")},  # noqa: S108 - an example
):

    @task.groq_batch(
        model="openai/gpt-oss-20b",
        output_path="{{ params.output_path }}/ds={{ ds }}",
        prompt_template="Does the customer sound happy? Answer yes or no. {text}",
        deferrable=True,
        outlets=[ANSWERS],
        asset_partition="{{ ds }}",
    )
    def answer(ds: str) -> Iterator[dict]:
        """The reviews of one day."""
        yield {"custom_id": f"{ds}-kettle", "text": "Boils in no time. I love it."}
        yield {"custom_id": f"{ds}-lamp", "text": "Broke on the second day."}

    answer()

with DAG(
    "groq_use_partitions",
    schedule=PartitionedAssetTimetable(assets=ANSWERS),
    catchup=False,
    tags=["groq"],
    doc_md=__doc__,
):

    @task
    def use(partition_key: str, triggering_asset_events: dict) -> dict:
        """Read the answers of one day."""
        event = triggering_asset_events[ANSWERS][-1]
        answers = [answer.custom_id for answer in read_answers(event.extra["manifest"])]
        return {"partition": partition_key, "answers": answers}

    use()
