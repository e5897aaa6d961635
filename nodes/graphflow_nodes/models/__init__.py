"""Classes of models, tokenizers, schedulers and processors: one kind per file, with its `ModelClass` values."""
