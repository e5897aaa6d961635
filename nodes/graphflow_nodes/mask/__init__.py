"""Node types that make and change masks; white = repaint, black = keep."""
