"""What became of code once it was written, and what is learned from that.

How one version of it became the next is told by `stemma.lineage`.
"""
