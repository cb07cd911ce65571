"""Old months of lineage events become archives: one partition a year, of the same table, where every query finds them.

A month that an archive covers is never made again: rows that come late go straight into the archive.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

SCHEMA = "stemma"

# The default partition has no bounds. A bound is written as this session writes dates, and read back the same way.
EVENT_PARTITIONS = r"""
CREATE FUNCTION stemma.event_partitions(parent text)
RETURNS TABLE (name text, since timestamptz, upto timestamptz, is_archive boolean)
LANGUAGE sql STABLE AS $$
    SELECT c.relname::text,
        substring(b.written FROM 'FROM \(''([^'']+)''\)')::timestamptz,
        substring(b.written FROM 'TO \(''([^'']+)''\)')::timestamptz,
        c.relname ~ '_y\d{4}(m01to\d{2})?$'
    FROM pg_inherits i
    JOIN pg_class c ON c.oid = i.inhrelid
    CROSS JOIN LATERAL (SELECT pg_get_expr(c.relpartbound, c.oid) AS written) b
    WHERE i.inhparent = to_regclass(format('stemma.%I', parent))
$$
"""

_ENSURE_MONTHS = """
CREATE OR REPLACE FUNCTION stemma.ensure_months(parent text, months date[]) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    first_day date;
    name text;
    n_made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('stemma.ensure_months'), hashtext(parent));
    FOR first_day IN
        SELECT DISTINCT date_trunc('month', month)::date FROM unnest(months) AS month{not_there} ORDER BY 1
    LOOP
        name := parent || to_char(first_day, '"_y"YYYY"m"MM');
        CONTINUE WHEN to_regclass(format('stemma.%I', name)) IS NOT NULL;
        EXECUTE format('CREATE TABLE stemma.%I (LIKE stemma.%I INCLUDING ALL)', name, parent);
        EXECUTE format(
            'WITH moved AS (DELETE FROM stemma.%I WHERE occurred_at >= %L AND occurred_at < %L RETURNING *) '
            'INSERT INTO stemma.%I SELECT * FROM moved',
            parent || '_default', first_day::timestamp AT TIME ZONE 'UTC',
            (first_day + interval '1 month') AT TIME ZONE 'UTC', name);
        EXECUTE format(
            'ALTER TABLE stemma.%I ATTACH PARTITION stemma.%I FOR VALUES FROM (%L) TO (%L)',
            parent, name, first_day::timestamp AT TIME ZONE 'UTC', (first_day + interval '1 month') AT TIME ZONE 'UTC');
        n_made := n_made + 1;
    END LOOP;
    RETURN n_made;
END $$
"""
_NOT_ARCHIVED = """
        WHERE NOT EXISTS (
            SELECT FROM stemma.event_partitions(parent) p
            WHERE p.is_archive AND month::timestamp AT TIME ZONE 'UTC' >= p.since
                AND month::timestamp AT TIME ZONE 'UTC' < p.upto
        )"""

# Writers wait from the first lock on, readers only while partitions are exchanged, when all rows are copied.
# The check says what the bounds will say, so that attaching need not read the rows again.
ARCHIVE_YEAR = """
CREATE FUNCTION stemma.archive_year(parent text, year integer, cold_until timestamptz) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    year_begin timestamptz := make_timestamptz(year, 1, 1, 0, 0, 0, 'UTC');
    until timestamptz;
    folded text[];
    part text;
    archive text;
    span text;
    n_before bigint;
    n_after bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('stemma.ensure_months'), hashtext(parent));
    EXECUTE format('LOCK TABLE stemma.%I IN SHARE ROW EXCLUSIVE MODE', parent);
    until := least(cold_until, make_timestamptz(year + 1, 1, 1, 0, 0, 0, 'UTC'));
    SELECT array_agg(p.name), greatest(until, max(p.upto)) INTO folded, until
    FROM stemma.event_partitions(parent) p
    WHERE p.since >= year_begin AND p.upto <= make_timestamptz(year + 1, 1, 1, 0, 0, 0, 'UTC')
        AND (p.is_archive OR p.upto <= cold_until);
    IF NOT EXISTS (
        SELECT FROM stemma.event_partitions(parent) p WHERE p.name = ANY (folded) AND NOT p.is_archive
    ) THEN
        RETURN 0;
    END IF;
    archive := parent || to_char(year, '"_y"FM0000');
    IF until < make_timestamptz(year + 1, 1, 1, 0, 0, 0, 'UTC') THEN
        archive := archive || to_char((until - interval '1 day') AT TIME ZONE 'UTC', '"m01to"MM');
    END IF;
    span := format('occurred_at >= %L AND occurred_at < %L', year_begin, until);
    EXECUTE format('CREATE TABLE stemma.%I (LIKE stemma.%I INCLUDING ALL)', archive, parent);
    EXECUTE format('ALTER TABLE stemma.%I ADD CONSTRAINT in_bounds CHECK (%s)', archive, span);
    EXECUTE format('SELECT count(*) FROM stemma.%I WHERE %s', parent, span) INTO n_before;
    EXECUTE format(
        'INSERT INTO stemma.%I SELECT * FROM stemma.%I WHERE %s ORDER BY repo_id, occurred_at, event_id',
        archive, parent, span);
    GET DIAGNOSTICS n_after = ROW_COUNT;
    IF n_before <> n_after THEN
        RAISE 'archiving % would keep % of % events', archive, n_after, n_before;
    END IF;
    FOREACH part IN ARRAY folded LOOP
        EXECUTE format('ALTER TABLE stemma.%I DETACH PARTITION stemma.%I', parent, part);
        EXECUTE format('DROP TABLE stemma.%I', part);
    END LOOP;
    EXECUTE format('DELETE FROM stemma.%I WHERE %s', parent || '_default', span);
    EXECUTE format(
        'ALTER TABLE stemma.%I ATTACH PARTITION stemma.%I FOR VALUES FROM (%L) TO (%L)',
        parent, archive, year_begin, until);
    EXECUTE format('ALTER TABLE stemma.%I DROP CONSTRAINT in_bounds', archive);
    EXECUTE format('SELECT count(*) FROM stemma.%I WHERE %s', parent, span) INTO n_after;
    INSERT INTO stemma.event_archives (archive, archived_at, since, until, n_partitions, n_before, n_after)
    VALUES (archive, clock_timestamp(), year_begin, until, cardinality(folded), n_before, n_after);
    EXECUTE format('ANALYZE stemma.%I', archive);
    RETURN cardinality(folded);
END $$
"""

# Months that come back as partitions of their own: what a database of before this migration can go on with.
_UNFOLD = """
DO $$
DECLARE
    part record;
BEGIN
    FOR part IN SELECT p.name FROM stemma.event_partitions('lineage_events') p WHERE p.is_archive LOOP
        EXECUTE format('ALTER TABLE stemma.lineage_events DETACH PARTITION stemma.%I', part.name);
        EXECUTE format(
            'SELECT stemma.ensure_months(''lineage_events'', '
            'array_agg(DISTINCT (occurred_at AT TIME ZONE ''UTC'')::date)) FROM stemma.%I', part.name);
        EXECUTE format('INSERT INTO stemma.lineage_events SELECT * FROM stemma.%I', part.name);
        EXECUTE format('DROP TABLE stemma.%I', part.name);
    END LOOP;
END $$
"""


def upgrade() -> None:
    op.execute(EVENT_PARTITIONS)
    op.execute("COMMENT ON FUNCTION stemma.event_partitions IS 'Partitions of a table of events, and their bounds.'")
    op.execute(_ENSURE_MONTHS.replace("{not_there}", _NOT_ARCHIVED))
    op.create_table(
        "event_archives",
        sa.Column("archive", sa.Text(), nullable=False, comment="Partition that holds them since"),
        sa.Column("archived_at", sa.DateTime(timezone=True), nullable=False, comment="When"),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False, comment="First instant it covers"),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False, comment="First instant it covers no more"),
        sa.Column("n_partitions", sa.Integer(), nullable=False, comment="Months, and an older archive, folded into it"),
        sa.Column("n_before", sa.BigInteger(), nullable=False, comment="Events of that span before, counted"),
        sa.Column("n_after", sa.BigInteger(), nullable=False, comment="Events of that span after, counted again"),
        sa.PrimaryKeyConstraint("archive", "archived_at", name="event_archives_pkey"),
        schema=SCHEMA,
        comment="One row per archiving: months of lineage events folded into the archive of their year.",
    )
    op.execute(ARCHIVE_YEAR)
    op.execute(
        "COMMENT ON FUNCTION stemma.archive_year IS 'Folds the cold months of a year into one; returns how many parts.'"
    )


def downgrade() -> None:
    op.execute("DROP FUNCTION stemma.archive_year")
    op.drop_table("event_archives", schema=SCHEMA)
    op.execute(_ENSURE_MONTHS.replace("{not_there}", ""))
    op.execute(_UNFOLD)
    op.execute("DROP FUNCTION stemma.event_partitions")
