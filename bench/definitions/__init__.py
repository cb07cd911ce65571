"""What other readers find that Stemma does not: every definition of `ctags` and of Python's `ast`, file by file.

The readers live in `oracles`, the rules that say why one was not found in `reasons`, the command in `__main__`.
"""
