"""Apache Airflow provider for Groq's Batch API."""

__version__ = "0.1.0"
