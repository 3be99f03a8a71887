"""The operators: create, cancel, download.

::

    batch        what a Dag names: the operators and their arguments          base   what those that wait share

Imported when a task runs:

::

    creation  cancelling  downloading    what each operator does
    waiting      in the worker, then deferred
    deleting     files at Groq
"""
