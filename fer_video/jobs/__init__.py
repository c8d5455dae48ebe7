"""In: many clips. Out: one result per clip, from one process, several, or a Ray cluster."""
