"""What `GroqBatchInferenceOperator` does when its task runs.

::

    run         a try, from its rows to its manifest          job_run   what it works with
    start       rows read, checked and sealed                 spooling
    rounds      one round after another                       round     one of them
    batches     the batches of a round: made, awaited         journal   what is written down of them
    cancels     those that nobody waits for any more          strays    those that no seal names
    answers     results of batches, as answers to rows        kept      those that are kept
    canary      the first rows, sent alone                    budget    what the others may cost
    apart       rows that need not be sent                    known     where they are answered already
    reuse       outputs of other jobs                         partitions
    dry_run     what would be sent
    ending      landed, cleaned up, judged
"""
