"""The whole job: rows in, answers out. Knows neither Airflow nor HTTP.

Each of these uses only those above it::

    requests/   rows become requests
    money/      what requests and answers use and cost
    spools/     requests in a folder, divided into the batches to be made of them
    results/    what became of requests, joined with their rows, kept and merged
    apart/      rows that need not be sent: answered before, or equal to another one
    output/     what is landed: the answers, and the manifest

    records       what they hand to each other: a request, the record of its row, an answer
    seals         what a job has decided before it pays, and  attempt  what a batch says of itself
    work_folder   where each thing lies,  files  and  temporary  how it is written,  groups  what is compared in parts
    partitions  amounts  progress
"""
