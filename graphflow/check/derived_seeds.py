"""Nodes whose seed comes from that of the run."""

from __future__ import annotations

from graphflow.check.checked import Checked


def derives_seeds(checked: Checked) -> bool:
    """Whether a node derives its seed from that of the run."""
    return any(
        param.derived_seed and not node.alone and node.places is not None and not node.places.gives(param.name)
        for node in checked.nodes
        for param in node.type.params.values()
    )
