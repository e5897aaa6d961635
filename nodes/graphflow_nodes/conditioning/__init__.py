"""What steers a stage beside its prompt."""
