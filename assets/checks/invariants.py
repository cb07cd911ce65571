"""What must hold of Stemma's own tables, each as one SQL query, or function, for the rows that break it.

A gate here is about meaning across tables; the shape of one table is a contract (`contracts`), and what Postgres
itself refuses (a null, a duplicate key) needs no gate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from stemma.lineage.archive import UNEVEN
from stemma.lineage.copy_tables import IS_BIRTH
from stemma.lineage.cycles import cyclic_edges
from stemma.lineage.graph import IS_DERIVATION
from stemma.quorum.scope import TEXTS_IN_SCOPE
from stemma.store.postgres import Database


@dataclass(frozen=True)
class Invariant:
    """`violations` selects the offending rows, or is a function that finds them; without any the gate is passed."""

    name: str
    asset: str
    description: str
    violations: str | Callable[[Database], pl.DataFrame]
    blocking: bool = True


INVARIANTS = (
    Invariant(
        "every_file_is_accounted_for",
        "blobs",
        "Every source file at a head was parsed, or is named with the reason why not.",
        """
        SELECT f.repo_id, f.path FROM stemma.files f
        WHERE f.language IS NOT NULL AND f.category = 'source'
          AND NOT EXISTS (SELECT FROM stemma.blobs b WHERE b.blob_oid = f.blob_oid)
        """,
    ),
    Invariant(
        "files_parse",
        "blobs",
        "At least nine in ten source files at the heads parse without a syntax error.",
        """
        SELECT count(*) FILTER (WHERE b.status <> 'parsed') AS n_not_parsed, count(*) AS n_files
        FROM stemma.files f JOIN stemma.blobs b USING (blob_oid)
        WHERE f.language IS NOT NULL AND f.category = 'source'
        HAVING count(*) FILTER (WHERE b.status <> 'parsed') > 0.1 * count(*)
        """,
        blocking=False,
    ),
    Invariant(
        "every_occurrence_has_its_snippet",
        "occurrences",
        "Every occurrence points at a snippet of the content it was seen in.",
        """
        SELECT o.repo_id, o.path, o.qualified_name FROM stemma.occurrences o
        WHERE NOT EXISTS (SELECT FROM stemma.snippets s WHERE s.blob_oid = o.blob_oid AND s.ordinal = o.ordinal)
        """,
    ),
    Invariant(
        "occurrences_end_after_they_begin",
        "occurrences",
        "No occurrence ends at or before the commit that brought it.",
        "SELECT repo_id, path, qualified_name FROM stemma.occurrences WHERE valid_to <= valid_from",
    ),
    Invariant(
        "live_counts_are_true",
        "patterns",
        "No pattern claims live places that its occurrences do not show.",
        """
        SELECT p.pattern_id, p.n_live FROM stemma.patterns p
        LEFT JOIN (SELECT pattern_id, count(*) AS n FROM stemma.occurrences
                   WHERE valid_to IS NULL AND category = 'source' GROUP BY pattern_id) o USING (pattern_id)
        WHERE p.n_live <> coalesce(o.n, 0)
        """,
    ),
    Invariant(
        "no_pattern_matches_itself",
        "matches",
        "A match joins two different patterns, each pair once.",
        "SELECT pattern_a, pattern_b FROM stemma.matches WHERE pattern_a >= pattern_b",
    ),
    Invariant(
        "matches_keep_to_one_language",
        "matches",
        "Both patterns of a match are of one language.",
        """
        SELECT m.pattern_a, m.pattern_b FROM stemma.matches m
        JOIN stemma.patterns a ON a.pattern_id = m.pattern_a JOIN stemma.patterns b ON b.pattern_id = m.pattern_b
        WHERE a.language <> b.language
        """,
    ),
    Invariant(
        "families_are_as_large_as_they_say",
        "families",
        "A family has the members it counts, and at least two live places.",
        """
        SELECT f.family_id FROM stemma.families f LEFT JOIN stemma.family_members m USING (family_id)
        GROUP BY f.family_id, f.n_patterns, f.n_occurrences
        HAVING count(m.pattern_id) <> f.n_patterns OR f.n_occurrences < 2
        """,
    ),
    Invariant(
        "members_stand_somewhere",
        "family_members",
        "Every member of a family is a live pattern that is not trivial.",
        """
        SELECT m.family_id, m.pattern_id FROM stemma.family_members m JOIN stemma.patterns p USING (pattern_id)
        WHERE p.n_live = 0 OR p.is_trivial
        """,
    ),
    Invariant(
        "members_are_compared_with_their_medoid",
        "family_members",
        "A member's similarity with the medoid lies between 0 and 1, and the medoid has none.",
        """
        SELECT m.family_id, m.pattern_id, m.similarity
        FROM stemma.family_members m JOIN stemma.families f USING (family_id)
        WHERE m.similarity NOT BETWEEN 0 AND 1
           OR (m.pattern_id = f.medoid_pattern_id AND m.similarity IS NOT NULL)
        """,
    ),
    Invariant(
        "every_text_in_scope_was_voted_on",
        "votes",
        "Every text at a head, of a pattern of some size, has a vote, be it an abstention with its reason.",
        f"""
        SELECT t.pattern_id, t.exact_hash FROM ({TEXTS_IN_SCOPE}) AS t
        WHERE NOT EXISTS (SELECT FROM stemma.votes v WHERE v.pattern_id = t.pattern_id AND v.exact_hash = t.exact_hash)
        """,
    ),
    Invariant(
        "every_text_in_scope_has_a_verdict",
        "verdicts",
        "Every text at a head, of a pattern of some size, has a verdict, which says its reason.",
        f"""
        SELECT t.pattern_id, t.exact_hash FROM ({TEXTS_IN_SCOPE}) AS t
        WHERE NOT EXISTS (
            SELECT FROM stemma.verdicts d
            WHERE d.pattern_id = t.pattern_id AND d.exact_hash = t.exact_hash AND d.reason <> ''
        )
        """,
    ),
    Invariant(
        "every_verdict_has_votes",
        "verdicts",
        "No verdict counts votes on a text that has none.",
        """
        SELECT d.pattern_id, d.exact_hash FROM stemma.verdicts d
        WHERE d.n_pass + d.n_fail + d.n_abstain > 0 AND NOT EXISTS (
            SELECT FROM stemma.votes v WHERE v.pattern_id = d.pattern_id AND v.exact_hash = d.exact_hash
        )
        """,
    ),
    Invariant(
        "no_orphan_edges",
        "lineage_edges",
        "Both ends of every lineage edge exist.",
        """
        SELECT e.edge_id FROM stemma.lineage_edges e LEFT JOIN stemma.lineage_nodes n ON n.node_id = e.child_id
        WHERE n.node_id IS NULL
        UNION
        SELECT e.edge_id FROM stemma.lineage_edges e LEFT JOIN stemma.lineage_nodes n ON n.node_id = e.parent_id
        WHERE n.node_id IS NULL
        """,
    ),
    Invariant(
        "children_come_after_parents",
        "lineage_edges",
        "Inside a repository no version derives from one of the same or a later commit, by order of the graph.",
        f"""
        SELECT e.edge_id FROM stemma.lineage_edges e
        JOIN stemma.lineage_nodes c ON c.node_id = e.child_id JOIN stemma.lineage_nodes p ON p.node_id = e.parent_id
        JOIN stemma.commits cc ON cc.repo_id = c.repo_id AND cc.sha = c.sha
        JOIN stemma.commits pc ON pc.repo_id = p.repo_id AND pc.sha = p.sha
        WHERE c.repo_id = p.repo_id AND cc.position <= pc.position
          AND e.{IS_DERIVATION}
        """,
    ),
    Invariant(
        "derivation_has_no_cycle",
        "copies",
        "No version derives from itself, over however many versions and repositories.",
        cyclic_edges,
    ),
    Invariant(
        "every_head_snippet_has_its_version",
        "lineage_nodes",
        "Every snippet at a head has its version in the lineage.",
        """
        SELECT f.repo_id, f.path, s.qualified_name
        FROM stemma.files f JOIN stemma.repositories r USING (repo_id)
        JOIN stemma.snippets s ON s.blob_oid = f.blob_oid AND s.extractor_version = r.extractor_version
        LEFT JOIN stemma.occurrences o ON o.repo_id = f.repo_id AND o.path = f.path AND o.kind = s.kind
            AND o.qualified_name = s.qualified_name AND o.duplicate_index = s.duplicate_index AND o.valid_to IS NULL
        LEFT JOIN stemma.lineage_nodes n ON n.repo_id = o.repo_id AND n.path = o.path AND n.kind = o.kind
            AND n.qualified_name = o.qualified_name AND n.duplicate_index = o.duplicate_index
            AND n.first_parent_index = o.valid_from
        WHERE n.exact_hash IS DISTINCT FROM s.exact_hash
          AND f.category IN ('source', 'vendored', 'generated', 'minified')
        """,
    ),
    Invariant(
        "every_element_is_born_once",
        "lineage_events",
        "A version either continues another of its repository or was born, and was born once.",
        f"""
        WITH born AS (
            SELECT node_id, count(*) AS n FROM stemma.lineage_events
            WHERE event_type IN ('introduced', 'observed') GROUP BY node_id
        ), continued AS (
            SELECT DISTINCT child_id AS node_id FROM stemma.lineage_edges
            WHERE edge_type IN ('modified_from', 'renamed_from', 'moved_from')
              AND evidence -> 'other_element' IS DISTINCT FROM 'true'
        )
        SELECT n.node_id, coalesce(b.n, 0) AS n_births FROM stemma.lineage_nodes n
        LEFT JOIN born b USING (node_id) LEFT JOIN continued c USING (node_id)
        WHERE b.n > 1 OR (b.n IS NOT NULL AND c.node_id IS NOT NULL)
           OR (b.n IS NULL AND c.node_id IS NULL AND {IS_BIRTH})
        """,
    ),
    Invariant(
        "archives_keep_every_event",
        "lineage_events",
        "An archive holds as many events as its months did, is still found, and no event stands twice.",
        UNEVEN,
    ),
    Invariant(
        "every_event_has_its_version",
        "lineage_events",
        "Every lineage event is about a version that exists.",
        """
        SELECT e.event_id FROM stemma.lineage_events e
        WHERE NOT EXISTS (SELECT FROM stemma.lineage_nodes n WHERE n.node_id = e.node_id)
        """,
    ),
)
