"""Frames -> faces and tracks: found, followed, cut at shots, and cropped."""
