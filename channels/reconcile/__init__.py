"""Reconcile (R-PLUS-05): `parts` (what is compared), `differences` (their rows), `runs` (read a store), `repairs`, `schedule`."""
