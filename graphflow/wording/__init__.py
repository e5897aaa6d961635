"""Words for messages: counts, names that are nearly right."""
