"""The values that travel on edges: types, pictures, latents, control signals, and facts known before a run."""
