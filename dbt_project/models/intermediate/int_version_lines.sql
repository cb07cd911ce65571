with nodes as (

    select * from {{ ref('stg_lineage_nodes') }}

),

repositories as (

    select * from {{ ref('stg_repositories') }}

),

snippets as (

    select * from {{ ref('stg_snippets') }}

),

-- by one key and one sum: of a join on three columns Postgres expects one row, and then reads all snippets for each
-- node, which for 13,000 versions took longer than five minutes
signed_lines as (

    select
        concat_ws('/', blob_oid, extractor_version, ordinal) as place,
        n_lines
    from snippets
    union all
    select
        concat_ws('/', blob_oid, extractor_version, parent_ordinal) as place,
        -n_lines as n_lines
    from snippets
    where parent_ordinal is not null

),

lines as (

    select
        place,
        greatest(sum(n_lines), 0)::integer as n_own_lines
    from signed_lines
    group by place

),

places as (

    select
        nodes.node_id,
        concat_ws('/', nodes.blob_oid, repositories.extractor_version, nodes.ordinal) as place
    from nodes
    inner join repositories on nodes.repo_id = repositories.repo_id

),

own_lines as (

    select
        places.node_id,
        lines.n_own_lines
    from places
    inner join lines on places.place = lines.place

)

select * from own_lines
