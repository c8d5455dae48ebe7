"""In: frames. Out: faces, followed as tracks up to the next cut, and the crops that networks are shown."""
