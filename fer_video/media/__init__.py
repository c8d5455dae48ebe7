"""Names -> frames: a path or an address, opened, decoded and sampled."""
