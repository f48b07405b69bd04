"""The checks of conformance.py, by subject, in the order in which they build on each other."""
