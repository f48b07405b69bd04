"""The base of all apps: jobs, problems, leases, bulk writes, the base of the admin. It imports no other app."""
