"""Repeating a recorded run, and comparing its results with the recorded ones."""
