"""The differences between two documents, two recorded runs, or two pictures."""
