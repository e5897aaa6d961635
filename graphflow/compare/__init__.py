"""What is different between two documents, two recorded runs, or two pictures."""
