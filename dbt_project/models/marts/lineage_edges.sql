with edges as (

    select * from {{ ref('stg_lineage_edges') }}

),

versions as (

    select * from {{ ref('int_lineage_versions') }}

),

joined as (

    select
        edges.edge_id,
        edges.repo_id,
        children.repository,
        edges.edge_type,
        edges.weight,
        edges.confidence,
        edges.is_derivation,
        edges.child_id,
        children.path as child_path,
        children.qualified_name as child_qualified_name,
        children.sha as child_sha,
        children.occurred_at as child_occurred_at,
        edges.parent_id,
        parents.path as parent_path,
        parents.qualified_name as parent_qualified_name,
        parents.sha as parent_sha,
        parents.occurred_at as parent_occurred_at
    from edges
    inner join versions as children on edges.child_id = children.node_id
    inner join versions as parents on edges.parent_id = parents.node_id

)

select * from joined
