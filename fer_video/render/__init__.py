"""In: clip results and their videos. Out: videos with overlays, plots, and report pages."""
