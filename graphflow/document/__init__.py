"""Documents: read from YAML text, keeping the place of every key and value, and written back as YAML text."""
