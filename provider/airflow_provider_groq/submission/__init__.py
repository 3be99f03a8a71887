"""Pay once: which batches a task has, how it gets them, and what becomes of them when the task is killed.

::

    submit       the batches of a task's claims: found or made      wave      making many at the same time
    recorded     those whose ids are written down                   lookup    what there is of them on Groq
    uploaded     input files that need no second upload             doubles   more than one for a claim
    journal      what a try leaves for the next                     state_store   ... in Airflow
    tries        which try this is                                  kill      what a killed task does about them
    last_seen    what the task's page shows of them
"""
