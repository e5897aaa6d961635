"""The trained checkpoints that ship with graphflow: components, the files that name their parts, and cards."""
