"""Draw a graph: its content (`drawing`), its layout (`layout`), and its text (`svg`, `mermaid`)."""
