"""Checkpoints in one .safetensors file, as written by the original training code and its successors."""
