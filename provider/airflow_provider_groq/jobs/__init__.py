"""The whole job: rows in, answers out. Knows neither Airflow nor HTTP.

::

    records      what the other modules hand to each other: a request, the record of its row, an answer
    outcomes     what became of a request, and whether its row is sent again
    harvest      the result files of a batch, joined with its rows
    merge        the best answer of several rounds for each row
    manifest     what became of a job's rows
    parts        the files of a job's output, and their commit
    known        answers that are there already, by the digest of their request
"""
