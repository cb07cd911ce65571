with nodes as (

    select * from {{ ref('stg_lineage_nodes') }}

),

repositories as (

    select * from {{ ref('stg_repositories') }}

),

snippets as (

    select * from {{ ref('stg_snippets') }}

),

-- one sum in place of a join to what is inside: Postgres takes such a join, on three columns, to be of one row
signed_lines as (

    select
        blob_oid,
        extractor_version,
        ordinal,
        n_lines
    from snippets
    union all
    select
        blob_oid,
        extractor_version,
        parent_ordinal as ordinal,
        -n_lines as n_lines
    from snippets
    where parent_ordinal is not null

),

lines as (

    select
        blob_oid,
        extractor_version,
        ordinal,
        greatest(sum(n_lines), 0)::integer as n_own_lines
    from signed_lines
    group by blob_oid, extractor_version, ordinal

),

own_lines as (

    select
        nodes.node_id,
        lines.n_own_lines
    from nodes
    inner join repositories on nodes.repo_id = repositories.repo_id
    inner join lines
        on nodes.blob_oid = lines.blob_oid
        and repositories.extractor_version = lines.extractor_version
        and nodes.ordinal = lines.ordinal

)

select * from own_lines
