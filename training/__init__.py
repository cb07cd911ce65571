"""How the embedded model is made: packages, functions, pairs, training, evaluation. Nothing of it is in the wheel."""
