"""Copies: which pairs of patterns are worth a look, how alike they are, and which families they form.

Where patterns come from is said in `extract`, their vectors in `embed`.
"""
