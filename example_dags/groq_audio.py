"""How do I transcribe recordings?"""

from __future__ import annotations

from airflow.sdk import DAG, Param

from airflow_provider_groq.operators.inference import GroqBatchInferenceOperator

CALLS = ["2026-01-07-0900", "2026-01-07-0915", "2026-01-07-0940"]

with DAG(
    "groq_audio",
    schedule=None,
    tags=["groq"],
    doc_md=__doc__,
    params={"output_path": Param("/tmp/groq", type="string")},  # noqa: S108 - an example
):
    GroqBatchInferenceOperator(
        task_id="transcribe",
        doc_md="The text of each recording.",
        model="whisper-large-v3-turbo",
        endpoint="/v1/audio/transcriptions",
        rows=[{"custom_id": call, "audio_url": f"https://example.com/calls/{call}.flac"} for call in CALLS],
        request_params={"language": "en"},
        output_path="{{ params.output_path }}/{{ run_id }}",
        deferrable=True,
    )
