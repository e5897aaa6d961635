"""The classes of components that come along, by name."""

from graphflow.checkpoints.classes import known_classes

CLASSES = known_classes()
