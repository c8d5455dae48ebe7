"""Decoding, detection and embedding at the same time, in bounded memory."""
