"""In: what several commands have in common. Out: their options, progress bars, messages and tables of figures."""
