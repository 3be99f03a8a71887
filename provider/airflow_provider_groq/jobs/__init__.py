"""The whole job: rows in, answers out. Knows neither Airflow nor HTTP.

::

    records        what the other modules hand to each other: a request, the record of its row, an answer
    request_form   what holds for all rows, checked where a Dag is parsed     template   its prompt_template
    rows           rows become requests: request_body makes their bodies, values the JSON of what they hold,
                   unique_ids finds equal ids, problems says which row is wrong
    output_type    what answers must be; strict_schema turns it into what models are held to
"""
