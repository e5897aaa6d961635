"""What travels on edges: types, pictures, latents, control, and the facts that are known of them."""
