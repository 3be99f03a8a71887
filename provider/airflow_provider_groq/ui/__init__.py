"""The page "Groq batches" in Airflow's UI, as a plugin of Airflow 3.1.1 and later."""
