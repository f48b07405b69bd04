"""How a store is: alarms, one sentence, the age of its imports, its API limits, the last 24 hours."""
