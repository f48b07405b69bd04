"""Helpers of the test suite; this package has no tests."""
