"""How do I ask about the rows of a table, and write the answers into another table?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from airflow.providers.common.sql.hooks.sql import DbApiHook
from airflow.sdk import DAG, Param, task

from airflow_provider_groq.answers import read_answers

DATABASE = "tickets_db"  # an Airflow connection, with the tables tickets (id, text) and summaries (id, summary)

with DAG(
    "groq_sql",
    schedule=None,
    tags=["groq"],
    doc_md=__doc__,
    params={"output_path": Param("/tmp/groq", type="string")},  # noqa: S108 - an example
):

    @task.groq_batch(
        model="openai/gpt-oss-20b",
        output_path="{{ params.output_path }}/{{ run_id }}",
        prompt_template="Summarize this ticket in one sentence: {text}",
        columns=["custom_id", "text"],
        deferrable=True,
    )
    def summarize() -> Iterator[tuple]:
        """Yield the tickets one by one."""
        with closing(DbApiHook.get_hook(DATABASE).get_conn()) as connection, closing(connection.cursor()) as cursor:
            cursor.execute("SELECT id, text FROM tickets ORDER BY id")
            yield from cursor

    @task
    def store(manifest: dict) -> None:
        """Write the answers; a second run replaces them."""
        rows = ((int(a.custom_id), a.output) for a in read_answers(manifest) if a.status == "succeeded")
        DbApiHook.get_hook(DATABASE).insert_rows("summaries", rows, target_fields=["id", "summary"], replace=True)

    store(summarize())
