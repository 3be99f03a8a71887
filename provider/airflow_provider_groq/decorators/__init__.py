"""The decorator ``@task.groq_batch``."""
