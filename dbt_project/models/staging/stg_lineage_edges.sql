with source as (

    select * from {{ source('stemma', 'lineage_edges') }}

),

renamed as (

    select
        edge_id,
        repo_id,
        child_id,
        parent_id,
        edge_type,
        weight,
        confidence,
        evidence,
        edge_type not in ('replaced_by', 'deprecated_by') as is_derivation
    from source

)

select * from renamed
