"""Classes of models, tokenizers, schedulers and processors: a kind a file, each with its `ModelClass` values."""
