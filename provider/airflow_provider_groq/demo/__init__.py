"""The demo: an example Dag on a private Airflow, against the emulator or Groq itself.

__main__     the command
home         a private Airflow: its folder, environment and processes
progress     what is shown of its log
table        what is shown of the answers
"""
