"""What people and tasks do with orders, one module for each subject.

Screens, bulk actions, commands and the API call these functions and nothing below them."""
