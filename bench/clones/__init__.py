"""How well copies are found: labelled pairs of BigCloneBench and clones injected into released packages, beside peers.

`python -m bench.clones.released FOLDER` gets the released packages, `python -m bench.clones FOLDER` measures, and
`python -m bench.clones.fit FOLDER` learns `stemma/match/calibration.json`. No code of others is kept here.
"""
