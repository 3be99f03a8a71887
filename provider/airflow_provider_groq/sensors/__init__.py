"""The sensor: waits for batches created elsewhere.

::

    batch   what a Dag names: the sensor and its arguments      polls   what it does when the task runs
"""
