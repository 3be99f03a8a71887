"""The hook: Groq's endpoints with an Airflow connection's key."""

DEFAULT_CONN_ID = "groq_default"
