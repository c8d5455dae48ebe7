"""In: this installation. Out: what works here, and how fast it is."""
