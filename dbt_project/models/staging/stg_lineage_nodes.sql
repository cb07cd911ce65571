with source as (

    select * from {{ source('stemma', 'lineage_nodes') }}

),

renamed as (

    select
        node_id,
        repo_id,
        path,
        kind,
        qualified_name,
        duplicate_index,
        language,
        exact_hash,
        pattern_id,
        blob_oid,
        ordinal,
        sha,
        first_parent_index,
        occurred_at,
        authored_at
    from source

)

select * from renamed
