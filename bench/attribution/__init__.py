"""How much of what agents wrote is still given to them after git and people went over it, and how much of people's is.

The library's own tests of attribution live in `tests/attribution`; a small run of this is one of them.
"""
