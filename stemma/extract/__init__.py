"""Source text to snippets: one table of languages, one normal form. Git lives in `git`, matching in `match`."""
