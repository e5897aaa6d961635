"""Helpers for the text of messages: counts, articles, escapes, suggestions for misspelt names.

The messages themselves stand where they are raised.
"""
