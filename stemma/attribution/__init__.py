"""Who wrote each version of an element: edits of agents and statements of others, matched to lineage by content.

What versions there are is told by `stemma.lineage`; how long code lives by origin, by `stemma.feedback`.
"""
