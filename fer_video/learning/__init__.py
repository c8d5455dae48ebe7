"""Labelled clips -> a clip model, and how good it is."""
