"""What may be named in a graph: how node types are written, read from their functions, and listed."""
