"""How do I get answers for rows? Sorts the Python packages installed here into categories."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import distributions
from typing import Literal

from airflow.sdk import DAG, Param, task
from pydantic import BaseModel


class Package(BaseModel):
    """The model's answer for a package."""

    category: Literal[
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


with DAG(
    "groq_rows_to_answers",
    schedule=None,
    tags=["groq"],
    doc_md=__doc__,
    params={"output_path": Param("/tmp/groq", type="string")},  # noqa: S108 - an example
):

    @task.groq_batch(
        model="openai/gpt-oss-20b",
        output_path="{{ params.output_path }}/{{ run_id }}",
        prompt_template="Sort this Python package into a category. {package}: {summary}",
        output_type=Package,
        deferrable=True,
        poll_interval=5,
    )
    def sort_packages() -> Iterator[dict]:
        """One row for each installed package."""
        packages = {package.name: package.metadata for package in distributions()}
        for name, about in sorted(packages.items()):
            yield {"custom_id": name, "package": name, "summary": about.get("Summary", "no summary")}

    sort_packages()
