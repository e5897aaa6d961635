"""What several node types share; no node type is in here."""
