with source as (

    select * from {{ source('stemma', 'snippets') }}

),

renamed as (

    select
        blob_oid,
        extractor_version,
        ordinal,
        parent_ordinal,
        kind,
        name,
        qualified_name,
        duplicate_index,
        start_line,
        end_line,
        signature,
        is_deprecated,
        is_test,
        exact_hash,
        pattern_id,
        n_lines,
        n_tokens
    from source

)

select * from renamed
