-- Ten repositories of a thousand commits, :elements elements of eight versions in each; see lineage_gates.py.
INSERT INTO stemma.repositories (repo_id, name, kind, location, tags, added_at, is_shallow, extractor_version)
SELECT md5('r' || r), 'r' || r, 'git', '/r' || r, '{}', now(), false, '1' FROM generate_series(1, 10) r;
INSERT INTO stemma.commits (repo_id, sha, kind, parents, first_parent_index, authored_at, committed_at,
    is_shallow_boundary, position, trailers, traced_by)
SELECT md5('r' || r), md5('c' || r || '/' || c), 'commit', '{}', c, timestamptz '2020-01-01' + make_interval(days => c),
    timestamptz '2020-01-01' + make_interval(days => c), false, c, '{}', '1'
FROM generate_series(1, 10) r CROSS JOIN generate_series(0, 999) c;
CREATE TABLE public.planted AS
SELECT r, e, v, md5(concat_ws('/', r, e, v)) AS node_id, md5('r' || r) AS repo_id, 'f' || e % 5000 || '.py' AS path,
    'name' || e AS name, e % 900 + v * 12 AS c, md5('b' || r || '/' || e % 5000) AS blob_oid, e / 5000 AS ordinal,
    md5('c' || r || '/' || (e % 900 + v * 12)) AS sha, md5('c' || r || '/' || (e % 900 + v * 12 + 12)) AS next_sha,
    timestamptz '2020-01-01' + make_interval(days => e % 900 + v * 12) AS at
FROM generate_series(1, 10) r CROSS JOIN generate_series(1, :elements) e CROSS JOIN generate_series(0, 7) v;
INSERT INTO stemma.lineage_nodes (node_id, repo_id, path, kind, qualified_name, duplicate_index, language, exact_hash,
    pattern_id, blob_oid, ordinal, sha, first_parent_index, occurred_at, authored_at)
SELECT node_id, repo_id, path, 'function', name, 0, 'python', node_id, node_id, blob_oid, ordinal, sha, c, at, at
FROM public.planted;
INSERT INTO stemma.lineage_edges (edge_id, repo_id, child_id, parent_id, edge_type, weight, confidence, evidence)
SELECT md5('m' || node_id), repo_id, node_id, md5(concat_ws('/', r, e, v - 1)), 'modified_from', 1, 1, '{}'::jsonb
FROM public.planted WHERE v > 0
UNION ALL
SELECT md5('x' || node_id), repo_id, node_id, md5(concat_ws('/', r, e - 1, v - 1)), 'extracted_from', 1, 1, '{}'::jsonb
FROM public.planted WHERE v > 0 AND e > 1 AND (e - 1) % 900 < e % 900
UNION ALL
SELECT md5('k' || node_id), repo_id, node_id, md5(concat_ws('/', r - 1, e, 0)), 'copied_from', 1, 1, '{}'::jsonb
FROM public.planted WHERE v = 0 AND r > 1 AND e % 10 = 0;
INSERT INTO stemma.lineage_events (event_id, occurred_at, repo_id, node_id, event_type, sha, detail)
SELECT md5('e' || node_id), at, repo_id, node_id, CASE WHEN v = 0 THEN 'introduced' ELSE 'body_changed' END, sha, '{}'
FROM public.planted;
INSERT INTO stemma.occurrences (repo_id, path, qualified_name, kind, duplicate_index, valid_from, valid_to,
    valid_from_sha, valid_to_sha, language, category, blob_oid, ordinal, exact_hash, pattern_id)
SELECT repo_id, path, name, 'function', 0, c, CASE WHEN v < 7 THEN c + 12 END, sha, CASE WHEN v < 7 THEN next_sha END,
    'python', 'source', blob_oid, ordinal, node_id, node_id
FROM public.planted;
INSERT INTO stemma.snippets (blob_oid, extractor_version, ordinal, kind, name, qualified_name, duplicate_index,
    start_line, end_line, start_byte, end_byte, signature, is_deprecated, is_test, exact_hash, pattern_id, n_lines, n_tokens)
SELECT blob_oid, '1', ordinal, 'function', name, name, 0, 1, 3, 0, 9, 's', false, false, node_id, node_id, 3, 9
FROM public.planted WHERE v = 7;
INSERT INTO stemma.files (repo_id, path, blob_oid, n_bytes, language, category)
SELECT DISTINCT repo_id, path, blob_oid, 1, 'python', 'source' FROM public.planted;
DROP TABLE public.planted
