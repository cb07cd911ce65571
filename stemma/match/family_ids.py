"""Which id a family bears: that of the family it continues, else one of its own. Who is in it is said in `grouping`."""

from __future__ import annotations

import polars as pl

from stemma.ids import content_id

# Where a member stood that is in no live place any more: whatever stands there now has taken its place.
SUCCESSORS = """
WITH gone AS (
    SELECT m.family_id, m.pattern_id FROM stemma.family_members AS m JOIN stemma.patterns AS p USING (pattern_id)
    WHERE p.n_live = 0
), last AS (
    SELECT DISTINCT ON (g.pattern_id, o.repo_id) g.family_id, g.pattern_id, o.repo_id, o.valid_to
    FROM gone AS g JOIN stemma.occurrences AS o USING (pattern_id) WHERE o.valid_to IS NOT NULL
    ORDER BY g.pattern_id, o.repo_id, o.valid_to DESC
)
SELECT DISTINCT l.family_id, l.pattern_id AS member, s.pattern_id
FROM last AS l
JOIN stemma.occurrences AS o ON (o.pattern_id, o.repo_id, o.valid_to) = (l.pattern_id, l.repo_id, l.valid_to)
JOIN stemma.occurrences AS s
    ON (s.repo_id, s.path, s.qualified_name, s.kind, s.duplicate_index)
        = (o.repo_id, o.path, o.qualified_name, o.kind, o.duplicate_index)
    AND s.valid_to IS NULL AND s.valid_from >= o.valid_to
"""


def name_families(members: pl.DataFrame, old: pl.DataFrame, successors: pl.DataFrame) -> pl.DataFrame:
    """The family id of every component: component, family_id.

    A component continues the family of which it has most members, one to one, the larger share first. A member that no
    longer stands anywhere is had by whoever has what took its place (`successors`), so a family whose members were all
    edited in one commit keeps its id. So a component with more than half of a family's members has its id, unless it
    has still more of another's. A new family's id is the hash of its first members.

    Args:
        members: component, pattern_id.
        old: family_id, pattern_id of the families as they were.
        successors: family_id, member, pattern_id that stands now where the member stood; see `SUCCESSORS`.
    """
    continued = pl.concat(
        [old.select("family_id", member="pattern_id", pattern_id="pattern_id"), successors], how="diagonal"
    )
    shares = (
        members.join(continued, on="pattern_id")
        .group_by("component", "family_id")
        .agg(pl.col("member").n_unique())
        .sort("member", "family_id", "component", descending=[True, False, False])
        .select("component", "family_id")
    )
    inherited = [shares.clear()]
    while not shares.is_empty():  # the first row is always taken; a handful of rounds in practice
        best = shares.unique("component", keep="first", maintain_order=True)
        best = best.join(shares.unique("family_id", keep="first", maintain_order=True), on=shares.columns, how="semi")
        inherited.append(best)
        shares = shares.join(best, on="component", how="anti").join(best, on="family_id", how="anti")
    named = pl.concat(inherited)
    founded = (
        members.join(named, on="component", how="anti")
        .group_by("component")
        .agg(pl.col("pattern_id").sort())
        .sort("component")
    )
    taken = {*old["family_id"], *named["family_id"]}
    ids = [_new_id(founders, taken) for founders in founded["pattern_id"]]
    return pl.concat([named, founded.select("component", pl.Series("family_id", ids, pl.String))])


def _new_id(founders: pl.Series, taken: set[str]) -> str:
    """Hash of the founding members; counted on where a family that has moved on since still bears that id."""
    family_id = content_id(*founders)
    generation = 1
    while family_id in taken:
        generation += 1
        family_id = content_id(*founders, str(generation))
    return family_id
