"""The operators: create, cancel, download, and the whole job.

::

    batch, inference    what a Dag names: the operators and their arguments
    base                what those that wait share          outlets   events of what is landed

Imported when a task runs:

::

    creation  cancelling  downloading    what each operator of `batch` does
    job/         what that of `inference` does
    waiting      in the worker, then deferred
    models       whether the key may use those that requests name
    deleting     files at Groq
"""
