"""Comparing two documents by meaning: what a run would notice, not how they are written."""
