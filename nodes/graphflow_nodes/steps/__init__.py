"""Step functions and their helpers, which import torch and diffusers inside functions."""
