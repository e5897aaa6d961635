"""Expand: templates put in, `for_each` unrolled, every param computed; each problem with its place."""
