"""The operators: create, cancel, download.

::

    batch        the operators themselves
    base         what those that wait share
    inputs       requests, checked and uploaded          inline     those written into a Dag
    submission   the one batch of a task: found or made  lookup     what there is of it on Groq
    tries        which try this is                       notes      what it writes down for the next
    killing      what a killed task does about its batch
    landing      results to storage                      storage    paths and URIs
"""
