"""Stages: the node types that run a diffusion model."""
