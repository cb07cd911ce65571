with copies as (

    select * from {{ ref('int_copies') }}
    where not is_reversed

),

lives as (

    select * from {{ ref('int_copy_lives') }}

),

origins as (

    select * from {{ ref('stg_origins') }}

),

-- where each end is today; of several live versions of one element the first by path
states as (

    select
        start_id,
        max(repository) as repository,
        min(path) filter (where node_id = start_id) as path,
        min(qualified_name) filter (where node_id = start_id) as qualified_name,
        min(sha) filter (where node_id = start_id) as sha,
        min(occurred_at) filter (where node_id = start_id) as occurred_at,
        coalesce(bool_or(is_live), false) as is_live,
        count(*) filter (where is_change) as n_changes
    from lives
    group by start_id

),

joined as (

    select
        copies.edge_id,
        copies.edge_type,
        copies.matched_by,
        copies.direction,
        copies.weight,
        copies.confidence,
        copies.n_candidates,
        copies.copy_id,
        own.repository as copy_repository,
        own.path as copy_path,
        own.qualified_name as copy_name,
        own.sha as copy_sha,
        own.occurred_at as copied_at,
        copies.copy_category,
        own.is_live as is_copy_live,
        own.n_changes as n_copy_changes,
        coalesce(origins.origin, 'unknown') as copy_origin,
        copies.source_id,
        source.repository as source_repository,
        source.path as source_path,
        source.qualified_name as source_name,
        source.sha as source_sha,
        source.occurred_at as source_at,
        copies.source_category,
        source.is_live as is_source_live,
        source.n_changes as n_source_changes
    from copies
    inner join states as own on copies.copy_id = own.start_id
    inner join states as source on copies.source_id = source.start_id
    left join origins on copies.copy_id = origins.node_id

)

select * from joined
