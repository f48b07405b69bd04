"""What every admin class and every page of staff is built on: start with `base`, then `pages` and `paging`.

Only `base` imports the theme (django-unfold). Nothing here knows an app above.
"""
