"""Rules and plan functions of nodes, called before anything runs, without torch."""
