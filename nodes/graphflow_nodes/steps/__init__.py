"""What runs: the step functions, with torch and diffusers imported inside them."""
