"""An emulator of Groq's Files and Batch API, for demos and for tests of Dags.

    __main__    the command                       handle     the emulator in tests
    server      the process                       traffic    log and faults, around every request
    routes      Groq's endpoints                  control    the emulator's own
    state       what is known                     settings, clock, faults, log
    batches     one batch and how it is shown     timeline   its status as a function of time
    validation  the check of its input            answers, completions, transcripts, results   its output
    schema      JSON for a schema: pattern        refusals, strict_form   what is answered with an error
    scripts     what tests script for requests    failures, flaws, functions
    uploads, files, ids, json_lines, wire, errors

It imports nothing else of this provider, so that the emulator and the code do not share a misreading of Groq.
"""

from airflow_provider_groq.emulator.handle import EmulatorError, GroqEmulator, LoggedRequest

__all__ = ["EmulatorError", "GroqEmulator", "LoggedRequest"]
