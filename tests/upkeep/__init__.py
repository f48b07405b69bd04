"""Installing, settings, backup, restore, upgrade and watching, as an administrator does them."""
