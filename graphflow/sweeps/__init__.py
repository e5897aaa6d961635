"""Sweeps: graphs that run another graph once for each combination of values, and arrange its pictures in grids."""
