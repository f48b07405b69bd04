"""The contract of every connector: records, errors, capabilities, the adapter.

Start with `spec` (what a channel declares) and `adapter` (what it does). No database, no HTTP."""
