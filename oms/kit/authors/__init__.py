"""Who does what: the author of every write, and the audit log of what they changed."""
