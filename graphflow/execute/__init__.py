"""Execute a plan: steps run one after the other, and results that a store already has are reused."""
