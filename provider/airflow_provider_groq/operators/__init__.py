"""The operators: create, cancel, download.

::

    batch        what a Dag names: the operators and their arguments          base   what those that wait share

Imported when a task runs:

::

    creation  cancelling  landing    what each operator does
    waiting      in the worker, then deferred
    inputs       requests, checked and uploaded          inline     those written into a Dag
    submission   the one batch of a task: found or made  lookup     what there is of it on Groq
    tries        which try this is                       notes      what it writes down for the next
    killing      what a killed task does about its batch
    deleting     files at Groq                           storage    paths and URIs
"""
