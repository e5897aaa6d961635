"""Which packages the distribution holds; everything else about it stands in pyproject.toml.

Subpackages are found, so a new one needs no line here. The folders differ from the names because a folder can be
called `graphs` in a tree, but not at the top of site-packages.
"""

from setuptools import find_packages, setup

PACKAGES = {
    "graphflow": "graphflow",
    "graphflow_nodes": "nodes/graphflow_nodes",
    "graphflow_embedded": "nodes/graphflow_embedded",
    "graphflow_graphs": "graphs",
}

setup(
    packages=[
        *PACKAGES,
        *find_packages(".", include=["graphflow.*"]),
        *find_packages("nodes", include=["*.*"], exclude=["graphflow_embedded.make*"]),
    ],
    package_dir=PACKAGES,
)
