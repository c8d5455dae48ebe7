"""In: results of many clips. Out: tables of figures for each clip, person, subject or condition."""
