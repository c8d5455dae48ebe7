"""In: results of many clips. Out: tables over all of them."""
