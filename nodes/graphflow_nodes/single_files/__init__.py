"""Checkpoints in a single .safetensors file, in the layout of the original training code."""
