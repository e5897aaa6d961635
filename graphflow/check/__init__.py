"""Check: from a document to a checked graph, with every problem of the whole graph at once."""
