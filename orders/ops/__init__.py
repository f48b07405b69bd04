"""For administrators of the installation: checks of `manage.py doctor`, and removal of old data."""
