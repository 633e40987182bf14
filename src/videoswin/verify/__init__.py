"""Checks of what the package promises, for anyone to run on their own files. Nothing imports this but its
verb."""
