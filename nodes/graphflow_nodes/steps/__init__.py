"""What runs: step functions and their helpers, with torch and diffusers imported inside them."""
