"""Rules of nodes, asked before anything runs; they need no torch."""
