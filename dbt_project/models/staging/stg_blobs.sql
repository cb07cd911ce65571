with source as (

    select * from {{ source('stemma', 'blobs') }}

),

renamed as (

    select
        blob_oid,
        extractor_version,
        language,
        n_bytes,
        n_lines,
        status as parse_status,
        reason as parse_reason,
        n_errors,
        n_snippets
    from source

)

select * from renamed
