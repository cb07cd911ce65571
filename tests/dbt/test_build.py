"""dbt builds every model and passes every test, on nothing and on something; and stops where a test fails."""

from __future__ import annotations

from tests.dbt.conftest import PROJECT, Built, run_dbt


def outcomes(built: Built) -> set[str]:
    """The different outcomes of models and tests; an exposure has none."""
    return {status for name, status in built.status.items() if not name.startswith("exposure.")}


def test_everything_builds_and_passes_on_empty_tables(built_empty: Built) -> None:
    assert built_empty.completed.returncode == 0, built_empty.completed.stdout
    assert outcomes(built_empty) == {"success", "pass"}


def test_everything_builds_and_passes_on_planted_tables(built: Built) -> None:
    assert built.completed.returncode == 0, built.completed.stdout
    assert outcomes(built) == {"success", "pass"}


def test_every_mart_has_rows_once_there_is_something(built: Built) -> None:
    marts = [path.stem for path in (PROJECT / "models" / "marts").glob("*.sql")]
    counted = " UNION ALL ".join(f"SELECT '{mart}' AS mart, count(*) AS n FROM stemma_marts.{mart}" for mart in marts)
    rows = dict(built.database.read(counted).iter_rows())
    assert len(rows) == len(marts) > 0
    assert not [mart for mart, n in rows.items() if n == 0]


def test_models_stand_in_the_schema_of_their_folder(built: Built) -> None:
    found = built.database.read(
        "SELECT schemaname::text, tablename::text FROM pg_tables WHERE schemaname LIKE 'stemma\\_%' "
        "UNION SELECT schemaname::text, viewname::text FROM pg_views WHERE schemaname LIKE 'stemma\\_%'"
    )
    expected = {(f"stemma_{path.parent.name}", path.stem) for path in (PROJECT / "models").rglob("*.sql")}
    assert set(found.iter_rows()) == expected


def test_nothing_is_written_into_the_project(built: Built, built_empty: Built) -> None:
    assert sorted(path.name for path in PROJECT.iterdir()) == sorted(
        ["analyses", "dbt_project.yml", "macros", "models", "profiles.yml", "tests"]
    )


def test_a_bad_row_stops_the_models_behind_it(built: Built) -> None:
    built.database.execute("UPDATE stemma.verdicts SET outcome = 'perhaps' WHERE pattern_id = 'save'")
    try:
        models = ["stg_patterns", "stg_verdicts", "int_verdict_periods", "verdict_history"]
        selection = ["--select", *models, "--exclude-resource-type", "unit_test"]
        stopped = run_dbt(built.database, built.target, "build", *selection)
    finally:
        built.database.execute("UPDATE stemma.verdicts SET outcome = 'needs_review' WHERE pattern_id = 'save'")
    failed = [name for name, status in stopped.status.items() if status == "fail"]
    assert stopped.completed.returncode == 1
    assert len(failed) == 1
    assert failed[0].startswith("test.stemma.accepted_values_stg_verdicts_outcome")
    assert stopped.status["model.stemma.stg_verdicts"] == "success"
    assert stopped.status["model.stemma.int_verdict_periods"] == "skipped"
    assert stopped.status["model.stemma.verdict_history"] == "skipped"
