"""Checkpoints on disk and in the hub's cache: their components and the facts about them, read without torch."""
