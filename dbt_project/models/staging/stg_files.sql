with source as (

    select * from {{ source('stemma', 'files') }}

),

renamed as (

    select
        repo_id,
        path,
        blob_oid,
        n_bytes,
        language,
        category
    from source

)

select * from renamed
