"""The whole job: rows in, answers out. Knows neither Airflow nor HTTP.

::

    records      what the other modules hand to each other: a request, the record of its row, an answer
"""
