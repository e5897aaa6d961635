"""Checkpoints that are one .safetensors file, as the original training code and its successors write them."""
