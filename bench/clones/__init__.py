"""How well copies are found: labelled pairs of BigCloneBench and clones injected into released packages, beside peers.

`python -m bench.clones FOLDER` measures, `python -m bench.clones.fit FOLDER` learns `stemma/match/calibration.json`, and
`python -m bench.clones.released FOLDER` puts the released packages where both look for them. No code is kept here.
"""
