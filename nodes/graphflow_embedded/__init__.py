"""The trained checkpoints that ship with graphflow: components, the files that list their parts, and cards."""
