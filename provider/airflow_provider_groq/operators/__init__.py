"""The operators: create, cancel, download."""
