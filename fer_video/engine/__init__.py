"""In: frames. Out: observations in the same order. All stages work at the same time, in bounded memory."""
