with source as (

    select * from {{ source('stemma', 'occurrences') }}

),

renamed as (

    select
        repo_id,
        path,
        qualified_name,
        kind,
        duplicate_index,
        valid_from,
        valid_to,
        valid_from_sha,
        valid_to_sha,
        language,
        category,
        blob_oid,
        ordinal,
        exact_hash,
        pattern_id,
        valid_to is null as is_live
    from source

)

select * from renamed
