"""What is watched: new commits, new agent events, runs that ended.

What is done about it is wired in `orchestration`.
"""
