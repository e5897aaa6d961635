"""Stores of results: an index from recipe keys to digests, and contents by digest; in memory or on disk."""
