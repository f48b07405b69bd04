"""Tests of the hand-over to warehouse systems, over HTTP in both directions."""
