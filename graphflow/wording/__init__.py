"""Wording of messages: counts, articles, escapes, suggestions for misspelt names."""
