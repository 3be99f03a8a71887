"""Dags whose tasks land answers, and tell of them in the events of assets."""

from airflow.sdk import DAG, Asset, AssetAlias, task

from airflow_provider_groq.compat import has_partitions
from airflow_provider_groq.operators.batch import GroqDownloadBatchResultsOperator

FOLDER = "{{ dag_run.conf['output_path'] }}"
JOB = {
    "model": "openai/gpt-oss-20b",
    "prompt_template": "Where is {city}?",
    "poll_interval": 0.1,
}


def cities():
    yield {"city": "Berlin", "day": "2026-11-24"}
    yield {"city": "Lagos", "day": "2026-11-25"}
    yield {"city": "Lima", "day": "2026-11-24"}


def job(output_path=FOLDER, **options):
    return task.groq_batch(cities, task_id="land", output_path=output_path, **JOB | options)


for way, deferrable in {"worker": False, "deferred": True}.items():
    with DAG(f"assets_of_a_job_{way}", schedule=None):
        several = [Asset("landed_by_a_job"), Asset("also_by_it"), Asset.ref(name="landed_elsewhere"), AssetAlias("any")]
        job(deferrable=deferrable, outlets=several)()

with DAG("assets_of_a_download", schedule=None):
    GroqDownloadBatchResultsOperator(
        task_id="land",
        batch_id="{{ dag_run.conf['batch_id'] }}",
        output_path=FOLDER,
        outlets=[Asset("landed_by_a_download"), AssetAlias("any")],
    )

with DAG("assets_of_mapped_tasks", schedule=None):

    @task.groq_batch(output_path=FOLDER + "/{{ ti.map_index }}", outlets=[Asset("landed_by_mapped_tasks")], **JOB)
    def land(city):
        return [{"city": city}]

    land.expand(city=["Berlin", "Lagos"])

with DAG("assets_elsewhere", schedule=None):

    @task(outlets=[Asset("landed_elsewhere")])
    def elsewhere():
        """Makes the asset known by its name."""

    elsewhere()

if has_partitions():
    with DAG("partitions_of_a_job", schedule=None):
        # The second wakes an example Dag.
        several = [Asset("days"), Asset("groq_reviews_answered")]
        job(deferrable=True, outlets=several, asset_partition="{{ dag_run.conf['day'] }}")()

    with DAG("partitions_of_rows", schedule=None):
        job(outlets=[Asset("days_of_rows")], asset_partition_column="day")()

    with DAG("partitions_of_a_download", schedule=None):
        GroqDownloadBatchResultsOperator(
            task_id="land",
            batch_id="{{ dag_run.conf['batch_id'] }}",
            output_path=FOLDER,
            outlets=[Asset("downloaded_days")],
            asset_partition="{{ dag_run.conf['day'] }}",
        )

    with DAG("partitions_of_mapped_tasks", schedule=None):

        @task.groq_batch(
            output_path=FOLDER + "/{{ ti.map_index }}",
            outlets=[Asset("mapped_days")],
            asset_partition="2026-11-2{{ ti.map_index }}",
            **JOB,
        )
        def land_a_day(city):
            return [{"city": city}]

        land_a_day.expand(city=["Berlin", "Lagos"])
