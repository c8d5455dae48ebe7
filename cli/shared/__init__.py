"""What several commands share: options, progress bars, messages, and figures as lines to read."""
