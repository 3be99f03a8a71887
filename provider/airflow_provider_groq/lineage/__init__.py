"""What tasks report to OpenLineage: what they read, which batches they used, and what they landed.

`record` notes it while a task runs, in plain values. `methods` has the methods that Airflow's OpenLineage provider
calls on operators, and `facets` turns a record into OpenLineage's objects. Only `facets` needs OpenLineage, and only
those methods import it.
"""
