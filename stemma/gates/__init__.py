"""Quality gates over a checkout: what each asks, in which order, and what they come to together.

Gates of the platform's own tables are asset checks, in `assets.checks`.
"""
