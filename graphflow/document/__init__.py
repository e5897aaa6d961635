"""Parse: from YAML text to a document whose every key and value knows where it is written."""
