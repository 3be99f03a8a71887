"""Files and requests that a Dag names, locally or in object storage.

::

    paths        what an argument names, and what is wrong when it cannot be reached
    input_file   a file of ``input_path``, opened         inline    requests written into a Dag
    inputs       requests, checked and uploaded           landing   results, written into a folder
    row_files    files of a job's input_path, as rows     results   result files, as local ones
    answer_files answers that were landed, as a stream
"""
