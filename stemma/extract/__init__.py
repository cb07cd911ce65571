"""Source text to snippets: one table of languages, one normal form. Reading git lives in `git`; matching, in `match`."""
