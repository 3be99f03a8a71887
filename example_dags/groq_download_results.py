"""How do I land the answers of one batch? Sorts the Python packages installed here into categories."""

from __future__ import annotations

from importlib.metadata import distributions

from airflow.sdk import DAG, Param, task

from airflow_provider_groq.operators.batch import GroqCreateBatchOperator, GroqDownloadBatchResultsOperator

CATEGORIES = [
    "Airflow and its providers",
    "async and concurrency",
    "command line and terminal",
    "data and file formats",
    "database and SQL",
    "documentation and text",
    "security and cryptography",
    "testing and code quality",
    "types and validation",
    "web, HTTP and API",
]

ANSWER_FORM = {
    "type": "json_schema",
    "json_schema": {
        "name": "category",
        "schema": {
            "type": "object",
            "properties": {"category": {"type": "string", "enum": CATEGORIES}},
            "required": ["category"],
            "additionalProperties": False,
        },
    },
}

with DAG(
    "groq_download_results",
    schedule=None,
    tags=["groq"],
    doc_md=__doc__,
    params={"output_path": Param("/tmp/groq", type="string")},  # noqa: S108 - an example
):

    @task(show_return_value_in_logs=False)
    def packages() -> list[dict]:
        """One request for each installed distribution."""
        summaries = {d.name: f"{d.name} {d.version}: {d.metadata.get('Summary')}" for d in distributions()}
        return [
            {
                "custom_id": name,
                "body": {
                    "model": "openai/gpt-oss-20b",
                    "messages": [
                        {"role": "system", "content": "Sort this Python package into one of the categories."},
                        {"role": "user", "content": summary},
                    ],
                    "response_format": ANSWER_FORM,
                },
            }
            for name, summary in sorted(summaries.items())
        ]

    create = GroqCreateBatchOperator(
        task_id="create", requests=packages(), deferrable=True, poll_interval=5, doc_md="All packages in one batch."
    )

    GroqDownloadBatchResultsOperator(
        task_id="download",
        doc_md="The answers, as Groq sent them.",
        batch_id=create.output,
        output_path="{{ params.output_path }}/{{ run_id }}",
    )
