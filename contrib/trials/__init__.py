"""Trials of a whole installation: `make chaos` kills its processes, `make cluster-test` runs it on several hosts.

Both start the real processes (web server, lanes, supervisor) beside sandboxes of the four channels, let orders, stock changes and
shipments flow, and compare sums with SQL at the end."""
