"""In: what was found in a clip. Out: rows, files, and results that are read back from files."""
