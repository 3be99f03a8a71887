"""The hook: Groq's endpoints with an Airflow connection's key."""
