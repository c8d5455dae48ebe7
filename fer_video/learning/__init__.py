"""In: labelled clips. Out: a clip model, and how accurate it is."""
