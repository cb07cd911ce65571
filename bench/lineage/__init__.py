"""How right and how fast lineage is: against labelled histories, beside the tools that do only this."""
