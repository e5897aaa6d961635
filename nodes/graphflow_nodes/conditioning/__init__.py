"""Node types that steer a stage in addition to its prompt."""
