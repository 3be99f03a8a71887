"""How do I take another path when requests in a batch failed?"""

from __future__ import annotations

from airflow.sdk import DAG, Param, task

from airflow_provider_groq.operators.batch import GroqCreateBatchOperator, GroqDownloadBatchResultsOperator

with DAG(
    "groq_branch_on_failures",
    schedule=None,
    tags=["groq"],
    doc_md=__doc__,
    params={"output_path": Param("/tmp/groq", type="string")},  # noqa: S108 - an example
):
    create = GroqCreateBatchOperator(
        task_id="create",
        doc_md="Two requests. Groq does not know the model of one.",
        requests=[
            {
                "custom_id": model,
                "body": {"model": model, "messages": [{"role": "user", "content": "Are you there?"}]},
            }
            for model in ("openai/gpt-oss-20b", "a-model-that-is-not-there")
        ],
        deferrable=True,
    )

    download = GroqDownloadBatchResultsOperator(
        task_id="download",
        batch_id=create.output,
        output_path="{{ params.output_path }}/{{ run_id }}",
        doc_md="The answers and the errors, as Groq sent them.",
    )

    @task.branch
    def all_answered(manifest: dict) -> str:
        """Choose by the outcome of the requests."""
        rows = manifest["requests"]
        return "use_answers" if rows["succeeded"] == rows["total"] else "look_at_errors"

    @task
    def use_answers(manifest: dict) -> None:
        """Every request has its answer."""
        print("Answers:", manifest["output"]["path"])  # noqa: T201 - the task's log

    @task
    def look_at_errors(manifest: dict) -> None:
        """Some have none."""
        print("Errors:", manifest["errors"]["path"])  # noqa: T201 - the task's log

    all_answered(download.output) >> [use_answers(download.output), look_at_errors(download.output)]
