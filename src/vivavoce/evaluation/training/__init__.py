"""Trains the small models that ship with vivavoce."""
