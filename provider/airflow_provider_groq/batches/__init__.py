"""What a batch means: its input, its waits, its end, its results. Knows neither Airflow nor HTTP."""
