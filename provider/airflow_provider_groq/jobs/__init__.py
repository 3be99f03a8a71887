"""The whole job: rows in, answers out. Knows neither Airflow nor HTTP.

::

    records        what the other modules hand to each other: a request, the record of its row, an answer
    rows           rows become requests       request_form  request_body  template  values  unique_ids  problems
    output_type    what answers must be       strict_schema
    spool          requests in a folder       spool_writer  shards  section
    override       requests as a later round sends them
    seals          what a job has decided before it pays              work_folder where each thing lies
    attempt        what a batch says of the request that it is of
    outcomes       how a request ended, and what is resent
    harvest        the results of a batch, joined with its rows       unanswered  rows without results
    result_files   the lines of its files, each read for its row
    kept           the answers of a shard, until all are landed       summary     what stands at their end
    merge          the best answer of several rounds                  known       answers of before
    parts          the output, landed                                 manifest    what became of the rows
    answer         what a user reads of it                            answer_lines
    duplicates     rows that ask what another one asks
    estimate       what requests would take
    temporary      what does not fit into memory
    progress       a line for the log while many batches run          files
"""
