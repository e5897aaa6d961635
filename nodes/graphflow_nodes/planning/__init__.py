"""Rules and plan functions of nodes, asked before anything runs; they need no torch."""
