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
        evidence
    from source

)

select * from renamed
