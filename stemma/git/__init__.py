"""Git repositories and plain folders: which are registered, what is in them, how it came to be."""
