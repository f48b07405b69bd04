"""For who runs the installation: checks of `manage.py doctor`, clean-up."""
