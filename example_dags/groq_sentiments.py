"""How do I use the answers in the next task?"""

from __future__ import annotations

from typing import Literal

from airflow.sdk import DAG, Param, task
from pydantic import BaseModel

from airflow_provider_groq.answers import read_answers


class Sentiment(BaseModel):
    """The model's answer for a review."""

    mood: Literal["positive", "neutral", "negative"]
    reason: str


with DAG(
    "groq_sentiments",
    schedule=None,
    tags=["groq"],
    doc_md=__doc__,
    params={"output_path": Param("/tmp/groq", type="string")},  # noqa: S108 - an example
):

    @task
    def reviews() -> list[dict]:
        """Rows from any source."""
        return [
            {"custom_id": 1, "product": "kettle", "text": "Boils in no time. I love it."},
            {"custom_id": 2, "product": "lamp", "text": "It broke on the second day."},
            {"custom_id": 3, "product": "chair", "text": "It is a chair."},
        ]

    @task.groq_batch(
        model="openai/gpt-oss-20b",
        output_path="{{ params.output_path }}/{{ run_id }}",
        prompt_template="How does the customer feel about the {product}? {text}",
        output_type=Sentiment,
        deferrable=True,
    )
    def classify(rows: list[dict]) -> list[dict]:
        """The rows to ask about. Each is carried to its answer."""
        return rows

    @task
    def unhappy(manifest: dict) -> list[str]:
        """The products with an unhappy customer."""
        answers = [a for a in read_answers(manifest, as_type=Sentiment) if a.status == "succeeded"]
        return [answer.input["product"] for answer in answers if answer.output.mood == "negative"]

    unhappy(classify(reviews()))
