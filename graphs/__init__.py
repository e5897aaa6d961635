"""The graph library: the graphs, templates and pictures that graphflow ships, as package data.

In the tree this folder is `graphs/`; installed, it is the package `graphflow_graphs`.
"""
