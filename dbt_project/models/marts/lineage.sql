with versions as (

    select * from {{ ref('int_lineage_versions') }}

),

edges as (

    select * from {{ ref('stg_lineage_edges') }}
    where is_derivation

),

-- a pair may be joined by several edges: modified and renamed at once
parents as (

    select
        child_id as node_id,
        count(distinct parent_id) as n_parents,
        array_agg(distinct parent_id order by parent_id) as parent_ids,
        array_agg(distinct edge_type order by edge_type) as parent_edge_types
    from edges
    group by child_id

),

children as (

    select
        parent_id as node_id,
        count(distinct child_id) as n_children,
        array_agg(distinct child_id order by child_id) as child_ids
    from edges
    group by parent_id

),

births as (

    select node_id, birth_unknown_reason from {{ ref('stg_lineage_events') }}
    where event_type in ('introduced', 'observed')

),

origins as (

    select * from {{ ref('stg_origins') }}

),

joined as (

    select
        versions.node_id,
        versions.repo_id,
        versions.repository,
        versions.path,
        versions.kind,
        versions.qualified_name,
        versions.duplicate_index,
        versions.language,
        versions.category,
        versions.pattern_id,
        versions.exact_hash,
        versions.version,
        versions.n_versions,
        versions.sha,
        versions.occurred_at,
        versions.is_live,
        versions.ended_sha,
        versions.ended_at,
        coalesce(origins.origin, 'unknown') as origin,
        origins.agent_share,
        origins.agent,
        origins.model,
        coalesce(parents.n_parents, 0) as n_parents,
        coalesce(children.n_children, 0) as n_children,
        coalesce(parents.parent_ids, '{}') as parent_ids,
        coalesce(parents.parent_edge_types, '{}') as parent_edge_types,
        coalesce(children.child_ids, '{}') as child_ids,
        case
            when births.birth_unknown_reason is null then births.node_id is not null
        end as is_introduced,
        births.birth_unknown_reason
    from versions
    left join parents on versions.node_id = parents.node_id
    left join children on versions.node_id = children.node_id
    left join births on versions.node_id = births.node_id
    left join origins on versions.node_id = origins.node_id

)

select * from joined
