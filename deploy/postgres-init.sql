-- Run once, when the volume is new. Stemma makes its own tables; Dagster's need their schema to exist.
CREATE SCHEMA IF NOT EXISTS stemma_dagster;
