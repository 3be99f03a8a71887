"""Rows become requests: checked, numbered, each with a digest."""
