-- Where did this snippet come from, and who derives from it?
-- Asked of the version with the longest history that has both; name another in `asked`, by path and qualified_name or by
-- node_id. Steps below 0 lead back to what it came from, steps above 0 on to what came from it, in any repository.
with recursive asked as (
    select node_id
    from lineage
    where category = 'source'
    order by least(n_parents, 1) + least(n_children, 1) desc, n_versions desc, version, repository, path, qualified_name
    limit 1
),

derivations as (
    select child_id, parent_id from lineage_edges where is_derivation
),

back (node_id, steps) as (
    select node_id, 0 from asked
    union
    select derivations.parent_id, back.steps - 1
    from back
    inner join derivations on back.node_id = derivations.child_id
    where back.steps > -100
),

forth (node_id, steps) as (
    select node_id, 0 from asked
    union
    select derivations.child_id, forth.steps + 1
    from forth
    inner join derivations on forth.node_id = derivations.parent_id
    where forth.steps < 100
),

relatives as (
    select node_id, max(steps) as steps from back group by node_id
    union
    select node_id, min(steps) as steps from forth group by node_id
)

select
    relatives.steps,
    lineage.occurred_at,
    lineage.repository,
    lineage.path,
    lineage.qualified_name,
    substr(lineage.sha, 1, 10) as sha,
    case
        when lineage.n_parents > 0 then array_to_string(lineage.parent_edge_types, ', ')
        when lineage.is_introduced then 'introduced'
        else 'observed: ' || lineage.birth_unknown_reason
    end as how,
    lineage.origin,
    lineage.is_live
from relatives
inner join lineage on relatives.node_id = lineage.node_id
order by relatives.steps, lineage.occurred_at, lineage.repository, lineage.path, lineage.qualified_name, lineage.node_id
