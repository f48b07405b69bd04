"""Helpers of the test suite; no tests in here."""
