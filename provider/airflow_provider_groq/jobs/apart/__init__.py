"""Rows that are not sent, since their answer is known or another row asks the same."""
