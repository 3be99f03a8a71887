"""Requests in a folder until they are sent."""
