"""What is measured: the whole way from source to answers, by phase.

`make bench` runs it; peers join with later issues.
"""
