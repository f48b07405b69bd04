"""The processes of a worker lane: django-q2's cluster with a queue lock and a guard of our own.

`manage.py qcluster` calls `install.install()` before the cluster starts; nothing else uses this package."""
