"""Bugs by name, the networks that show them, and the diagnosis of a wrong gradient."""
