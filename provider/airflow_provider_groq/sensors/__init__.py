"""The sensor: waits for batches made elsewhere."""
