"""Node types: their definition in Python, their signatures, and the catalogs that list them."""
