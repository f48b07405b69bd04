"""New listings: their form, their checks, saving and publishing them, one or many."""
