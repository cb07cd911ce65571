"""Wiring only: which assets, resources, jobs, schedules and sensors make up the code location."""
