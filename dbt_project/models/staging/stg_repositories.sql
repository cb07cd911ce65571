with source as (

    select * from {{ source('stemma', 'repositories') }}

),

renamed as (

    select
        repo_id,
        name as repository,
        kind as repository_kind,
        location,
        tags,
        team,
        added_at,
        head_sha,
        ingested_at,
        extractor_version,
        is_shallow,
        status,
        status_reason
    from source

)

select * from renamed
