with versions as (

    select * from {{ ref('int_lineage_versions') }}
    where category = 'source'

),

version_lines as (

    select * from {{ ref('int_version_lines') }}

),

continuations as (

    select * from {{ ref('int_continuations') }}

),

copies as (

    select * from {{ ref('int_copies') }}
    where not is_reversed

),

origins as (

    select * from {{ ref('stg_origins') }}

),

lines_before as (

    select
        continuations.child_id as node_id,
        max(version_lines.n_own_lines) as n_own_lines
    from continuations
    left join version_lines on continuations.parent_id = version_lines.node_id
    group by continuations.child_id

),

added as (

    select
        versions.repo_id,
        versions.repository,
        date_trunc('month', versions.occurred_at at time zone 'UTC')::date as month,
        coalesce(origins.origin, 'unknown') as origin,
        greatest(version_lines.n_own_lines - coalesce(lines_before.n_own_lines, 0), 0) as n_added_lines,
        coalesce(copies.edge_type = 'copied_from', false) as is_clone
    from versions
    inner join version_lines on versions.node_id = version_lines.node_id
    left join lines_before on versions.node_id = lines_before.node_id
    left join copies on versions.node_id = copies.copy_id
    left join origins on versions.node_id = origins.node_id
    where copies.edge_type is distinct from 'forked_from'

),

by_month as (

    select
        repo_id,
        repository,
        month,
        origin,
        sum(n_added_lines)::bigint as n_added_lines,
        count(*) filter (where is_clone) as n_new_clones,
        1000 * {{ share('count(*) filter (where is_clone)', 'sum(n_added_lines)') }} as clones_per_1000_lines
    from added
    group by repo_id, repository, month, origin

)

select * from by_month
