"""In: a file, an address or a camera. Out: its frames, each with its time in the video."""
