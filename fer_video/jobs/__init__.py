"""Many paths -> many results."""
