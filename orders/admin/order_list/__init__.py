"""The order list. `list_admin` is the admin class; a column is a method of `columns`, a filter a class of `filters`, a tab a line of `tabs`."""
