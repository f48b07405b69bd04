"""Operation: checks of `manage.py doctor`, clean-up, the base of the store commands."""
