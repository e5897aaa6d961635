"""Draws training pictures, trains and evaluates the embedded checkpoints. Not part of the wheel.

Run `python -m graphflow_embedded.make --help`. Every picture is drawn by this package from seeds; nothing is
downloaded and no other model is used.
"""
