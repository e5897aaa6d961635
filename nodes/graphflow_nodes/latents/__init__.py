"""Node types that convert between pictures and latents."""
