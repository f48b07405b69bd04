"""The shared bottom of the house: knows no other app."""
