"""The admin site of Manifold: the frame around the pages of all apps, and the pages that belong to none.

`site` the AdminSite · `menu` · `home` (`home_needs`, `home_figures`) · `people` users and roles (what a
role can allow is in `oms.accounts`) · `errors` the pages for "not found" and "not allowed". Start reading with `site`.
Nothing is imported here: `site` is loaded by Django before any admin class.
"""
