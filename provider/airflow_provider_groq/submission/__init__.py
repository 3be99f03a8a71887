"""Pay once: which batch a task has, how it gets one, and what becomes of it when the task is killed.

::

    submit       the one batch of a task: found or made     lookup    what there is of it on Groq
    state_store  what a try leaves for the next             tries     which try this is
    kill         what a killed task does about its batch
"""
