"""What a report asks of the tables, as SQL: each query reads `report_texts`, the texts the report is about.

How the answers become a report is told in `build`.
"""

from __future__ import annotations

from stemma.quorum.scope import IS_JUDGED, SOURCE_SNIPPETS

# Temporary, and gone with its transaction: what is asked is asked of one set of texts, as of one moment.
CREATE_TEXTS = """
CREATE TEMPORARY TABLE report_texts (
    pattern_id text, exact_hash text, language text, n_places bigint, has_votes boolean,
    outcome text, decision text, probability double precision, n_pass int, n_fail int,
    reason text, changed text, rule_version text, decided_at timestamptz
) ON COMMIT DROP
"""
# $1: repository or ''.
FILL_TEXTS = f"""
WITH places AS (
    SELECT s.pattern_id, s.exact_hash, count(*) AS n_places
    FROM {SOURCE_SNIPPETS}
    WHERE $1 = '' OR f.repo_id = $1
    GROUP BY s.pattern_id, s.exact_hash
), latest AS (
    SELECT DISTINCT ON (v.pattern_id, v.exact_hash) v.*
    FROM stemma.verdicts v JOIN places USING (pattern_id, exact_hash)
    ORDER BY v.pattern_id, v.exact_hash, v.decided_at DESC
)
INSERT INTO report_texts
SELECT t.pattern_id, t.exact_hash, p.language, t.n_places,
    EXISTS (SELECT FROM stemma.votes v WHERE v.pattern_id = t.pattern_id AND v.exact_hash = t.exact_hash),
    l.outcome, l.decision, l.probability, l.n_pass, l.n_fail, l.reason, l.changed, l.rule_version, l.decided_at
FROM places t
JOIN stemma.patterns p ON p.pattern_id = t.pattern_id AND {IS_JUDGED}
LEFT JOIN latest l ON l.pattern_id = t.pattern_id AND l.exact_hash = t.exact_hash
"""

COUNTS = """
SELECT language, outcome, decision, has_votes, count(*) AS n, sum(n_places)::bigint AS n_places,
    sum(probability) AS probabilities, count(probability) AS n_probabilities
FROM report_texts
GROUP BY language, outcome, decision, has_votes
ORDER BY language, outcome, decision
"""
RULES = """
SELECT rule_version AS name, count(*) AS n, min(decided_at) AS judged_from, max(decided_at) AS judged_until
FROM report_texts WHERE decided_at IS NOT NULL
GROUP BY rule_version ORDER BY n DESC, name
"""
TALLIES = """
SELECT n_pass, n_fail, count(*) AS n FROM report_texts WHERE outcome IS NOT NULL GROUP BY n_pass, n_fail
"""

SITTING = """
SELECT sitting_id, sat_at, n_labelled, calibration_error FROM stemma.sittings
ORDER BY sat_at DESC, sitting_id DESC LIMIT 1
"""
SEATS = """
SELECT member, member_version, family, n_true_pass, n_false_pass, n_true_fail, n_false_fail, sensitivity, specificity,
    calibration_error, marginal_worth, n_decisive
FROM stemma.sitting_members WHERE sitting_id = $1
"""
# Before the first sitting: whoever voted, in the version that voted last.
VOTERS = """
SELECT DISTINCT ON (v.member) v.member, v.member_version
FROM report_texts t JOIN stemma.votes v USING (pattern_id, exact_hash)
ORDER BY v.member, v.voted_at DESC, v.member_version DESC
"""
MEMBERS = """
SELECT v.member, v.member_version, count(*) FILTER (WHERE v.vote = 'pass') AS n_pass,
    count(*) FILTER (WHERE v.vote = 'fail') AS n_fail, count(*) FILTER (WHERE v.vote = 'abstain') AS n_abstain,
    round(sum(v.seconds)::numeric, 3)::float8 AS seconds, round(sum(v.cost)::numeric, 6)::float8 AS cost
FROM report_texts t JOIN stemma.votes v USING (pattern_id, exact_hash) JOIN {seats} s USING (member, member_version)
GROUP BY v.member, v.member_version
"""
ABSTENTIONS = """
SELECT v.member, coalesce(v.reason, 'it gave no reason') AS name, count(*) AS n
FROM report_texts t JOIN stemma.votes v USING (pattern_id, exact_hash) JOIN {seats} s USING (member, member_version)
WHERE v.vote = 'abstain'
GROUP BY v.member, v.reason ORDER BY v.member, n DESC, name
"""
_ITEMS = "jsonb_to_recordset(v.findings) AS f (rule text, severity text, line int, message text)"
_GRAVITY = "CASE f.severity WHEN 'high' THEN 0 WHEN 'medium' THEN 1 ELSE 2 END"
FOUND = f"""
SELECT member, rule, min(gravity) AS gravity, count(*) AS n_texts
FROM (
    SELECT v.member, f.rule, t.pattern_id, t.exact_hash, min({_GRAVITY}) AS gravity
    FROM report_texts t
    JOIN stemma.votes v USING (pattern_id, exact_hash)
    JOIN {{seats}} s USING (member, member_version)
    CROSS JOIN LATERAL {_ITEMS}
    WHERE v.vote = 'fail' AND f.rule IS NOT NULL
    GROUP BY v.member, f.rule, t.pattern_id, t.exact_hash
) AS texts
GROUP BY member, rule ORDER BY n_texts DESC, member, rule LIMIT $1
"""

BINS = """
WITH in_force AS (
    SELECT DISTINCT ON (v.pattern_id, v.exact_hash) v.probability, l.is_fit
    FROM stemma.verdicts v JOIN {labels} l USING (pattern_id, exact_hash)
    ORDER BY v.pattern_id, v.exact_hash, v.decided_at DESC
)
SELECT least(floor(probability::numeric * 10), 9)::int AS bin, count(*) AS n,
    round(avg(probability)::numeric, 6)::float8 AS mean_probability, round(avg(is_fit::int), 6)::float8 AS share_fit
FROM in_force WHERE probability IS NOT NULL GROUP BY 1 ORDER BY 1
"""

TEXTS = """
SELECT pattern_id, exact_hash, language, outcome, decision, probability, reason, changed, decided_at, n_places
FROM report_texts WHERE outcome IN ('reject', 'needs_review')
ORDER BY outcome <> 'reject', probability NULLS LAST, pattern_id, exact_hash LIMIT $1
"""
# $1: repository or '', $2: places of a text at most.
PLACES = f"""
SELECT pattern_id, exact_hash, repository, path, start_line, end_line, kind, qualified_name FROM (
    SELECT t.pattern_id, t.exact_hash, r.name AS repository, f.path, s.start_line, s.end_line, s.kind, s.qualified_name,
        row_number() OVER (PARTITION BY t.pattern_id, t.exact_hash ORDER BY f.repo_id, f.path, s.ordinal) AS nth
    FROM {SOURCE_SNIPPETS} JOIN {{chosen}} t ON t.pattern_id = s.pattern_id AND t.exact_hash = s.exact_hash
    WHERE $1 = '' OR f.repo_id = $1
) AS places
WHERE nth <= $2 ORDER BY pattern_id, exact_hash, nth
"""
# $1: findings of a text at most. Those that are held against it come first, the gravest first.
FINDINGS = f"""
SELECT pattern_id, exact_hash, member, vote, rule, severity, line, message, n FROM (
    SELECT t.pattern_id, t.exact_hash, v.member, v.vote, f.rule, f.severity, f.line, f.message,
        count(*) OVER (PARTITION BY t.pattern_id, t.exact_hash) AS n,
        row_number() OVER (
            PARTITION BY t.pattern_id, t.exact_hash
            ORDER BY v.vote <> 'fail', {_GRAVITY}, f.line, v.member, f.rule, f.message
        ) AS nth
    FROM {{chosen}} t JOIN stemma.votes v USING (pattern_id, exact_hash) JOIN {{seats}} s USING (member, member_version)
    CROSS JOIN LATERAL {_ITEMS}
    WHERE f.rule IS NOT NULL
) AS findings
WHERE nth <= $1 ORDER BY pattern_id, exact_hash, nth
"""
