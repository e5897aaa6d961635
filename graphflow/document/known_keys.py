"""The keys of a document, of its sections; `graphflow.catalog.schema` describes each of them."""

from __future__ import annotations

TEMPLATE_KEYS = ("name", "description", "inputs", "checkpoints", "templates", "nodes", "outputs")
"""The keys of a template that is written inside a document."""

TOP_KEYS = ("graphflow", *TEMPLATE_KEYS)
INPUT_KEYS = ("type", "default", "min", "max", "description")
CHECKPOINT_KEYS = ("source", "revision", "variant", "dtype", "components", "prior", "loras", "embeddings", "scheduler")

OUTPUT_KEYS = ("value", "format", "quality")

NODE_KINDS = ("type", "template")
"""What a node is; it has exactly one of these keys."""

RUN_SEED = "run_seed"
"""The option of a template with which it runs like a graph of its own; its value is the seed of that run."""

NODE_OPTIONS = ("for_each", "when", "cache", RUN_SEED)
"""How a node runs; each is a field of `NodeDecl`."""

NODE_KEYS = (*NODE_KINDS, *NODE_OPTIONS)
"""All keys of a node but its params and ports, which cannot have these names, nor can inputs."""
