"""What people and tasks do with orders, one module per subject.

Pages, bulk actions, commands and tasks call these functions, and nothing below them. `moves` makes any move by its
name."""
