"""How do I run one mapped job per partition?"""

from __future__ import annotations

from collections.abc import Iterator

from airflow.sdk import DAG, Param, task

MENUS = {
    "fr": ["soupe du jour", "tarte aux pommes"],
    "de": ["Kartoffelsalat", "Apfelstrudel"],
    "it": ["minestrone", "risotto ai funghi"],
}

with DAG(
    "groq_mapped_partitions",
    schedule=None,
    tags=["groq"],
    doc_md=__doc__,
    params={"output_path": Param("/tmp/groq", type="string")},  # noqa: S108 - an example
):

    @task
    def partitions() -> list[str]:
        """The partitions of today."""
        return list(MENUS)

    @task.groq_batch(
        model="openai/gpt-oss-20b",
        output_path="{{ params.output_path }}/{{ run_id }}/{{ ti.map_index }}",
        prompt_template="Translate this dish into {target}: {text}",
        deferrable=True,
        doc_md="Translates the dishes of one partition.",  # of a mapped task Airflow does not take the docstring
    )
    def translate(partition: str, target: str) -> Iterator[dict]:
        """The rows of one partition."""
        for dish in MENUS[partition]:
            yield {"text": dish, "partition": partition, "target": target}

    translate.partial(target="English").expand(partition=partitions())
