"""In: labelled data as it is on disk. Out: samples."""
