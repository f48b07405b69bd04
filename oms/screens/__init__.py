"""Pages that join several apps: Home, jobs, one order, explain a number."""
