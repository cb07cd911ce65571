"""The quorum: who votes (`members`), on which texts (`scope`, `given`), how they are asked (`poll`, `ask`), and what it
comes to (`verdicts`, kept by `sitting`).
"""
