"""For who runs the installation: checks of `manage.py doctor`, clean-up, the base of the store commands."""
