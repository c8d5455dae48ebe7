"""What was found: observations as they come, rows, and what is read back."""
