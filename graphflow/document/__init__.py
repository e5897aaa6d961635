"""Parsing: from YAML text to a document that keeps the place of every key and value."""
