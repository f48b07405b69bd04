"""What an administrator does with an installation: make its settings, back it up, restore, move and upgrade it."""
