"""What an LLM judge is asked (`question`), when its answer is believed (`answer`), and what it may use (`budget`).

The member itself, which asks, lives in `stemma.quorum.members.judge`.
"""
