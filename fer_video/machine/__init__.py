"""This installation: what works here, and how fast it is."""
