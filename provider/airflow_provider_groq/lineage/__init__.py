"""What tasks tell OpenLineage: what they read, which batches they used, and what they landed.

`record` notes it while a task runs, in plain values. `methods` has the methods that Airflow's OpenLineage provider asks
operators for, and `facets` makes OpenLineage's objects of a record. Only `facets` needs OpenLineage, and only those
methods import it.
"""
