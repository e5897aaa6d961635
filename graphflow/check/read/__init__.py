"""Read: what every key of a document means, as it is written; no input has a value yet."""
