"""The order list.

`list_admin` is the admin class. A column is a method of `columns`, a filter is a class of `filters`, a tab is a row of
`tabs`.
"""
