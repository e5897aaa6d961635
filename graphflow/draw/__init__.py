"""Draw a graph: what is shown (`drawing`), where it goes (`layout`), and as what (`svg`, `mermaid`)."""
