"""Groq's Files and Batch API over HTTP. Knows nothing of Airflow."""
