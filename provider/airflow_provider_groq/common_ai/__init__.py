"""Groq for common-ai, Airflow's own package of operators for language models.

::

    adapter    what common-ai loads for the models ``groq:…``
    contract   what it asks of an adapter; says what to install where that is missing
    requests   its requests as lines of an input file
    claims     whose a batch is, made and found again
    results    answers as its results

Only common-ai imports this, through the entry point in ``pyproject.toml``.
"""
