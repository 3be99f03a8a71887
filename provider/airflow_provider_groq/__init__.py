"""Apache Airflow provider for Groq's Batch API.

::

    provider_info   what Airflow reads about this package
    exceptions      every error
    api/            Groq over HTTP; knows no Airflow
    batches/        what a batch means: its input, its waits, its end, its results; knows neither
    compat          what differs between versions of Airflow
    hooks/  links/  triggers/  sensors/  operators/     Airflow's own nouns
    answers         the answers of a job or a download, read as a stream
    emulator/       Groq's Files and Batch API on a local port; stands alone
    pytest_plugin   the emulator for tests of Dags
    demo/           an example Dag on a private Airflow

A module imports only from those above it; ``emulator`` from none, ``pytest_plugin`` and ``demo`` from ``emulator``.
"""

__version__ = "1.0.0"
