with nodes as (

    select * from {{ ref('stg_lineage_nodes') }}

),

repositories as (

    select * from {{ ref('stg_repositories') }}

),

snippets as (

    select * from {{ ref('stg_snippets') }}

),

inner_lines as (

    select
        blob_oid,
        extractor_version,
        parent_ordinal as ordinal,
        sum(n_lines) as n_lines
    from snippets
    where parent_ordinal is not null
    group by blob_oid, extractor_version, parent_ordinal

),

own_lines as (

    select
        nodes.node_id,
        greatest(snippets.n_lines - coalesce(inner_lines.n_lines, 0), 0)::integer as n_own_lines
    from nodes
    inner join repositories on nodes.repo_id = repositories.repo_id
    inner join snippets
        on nodes.blob_oid = snippets.blob_oid
        and repositories.extractor_version = snippets.extractor_version
        and nodes.ordinal = snippets.ordinal
    left join inner_lines
        on snippets.blob_oid = inner_lines.blob_oid
        and snippets.extractor_version = inner_lines.extractor_version
        and snippets.ordinal = inner_lines.ordinal

)

select * from own_lines
