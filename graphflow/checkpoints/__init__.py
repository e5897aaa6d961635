"""Files on disk and on the hub → components and what they are, without torch."""
