"""From git history to where every piece of code came from: occurrences, lineage, and the queries over both.

What history is made of is read by `stemma.git`, what a file holds by `stemma.extract`.
"""
