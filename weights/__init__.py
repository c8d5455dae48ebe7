"""The models that come with fervid: `manifest.json` says what each file is, whence it came and how to feed it."""
