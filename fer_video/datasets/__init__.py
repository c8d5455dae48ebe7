"""Labelled data as people have it on disk -> samples."""
