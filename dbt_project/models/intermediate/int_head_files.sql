{{ config(materialized='view') }}

with files as (

    select * from {{ ref('stg_files') }}

),

repositories as (

    select * from {{ ref('stg_repositories') }}

),

blobs as (

    select * from {{ ref('stg_blobs') }}

),

read as (

    select
        files.repo_id,
        files.path,
        files.language,
        files.category,
        files.n_bytes,
        blobs.parse_reason,
        case
            when files.category not in ('source', 'other') then 'set_aside'
            when files.language is null then 'unknown_language'
            when blobs.parse_status is null then 'not_read'
            else blobs.parse_status
        end as reading
    from files
    inner join repositories on files.repo_id = repositories.repo_id
    left join blobs
        on files.blob_oid = blobs.blob_oid
        and repositories.extractor_version = blobs.extractor_version

)

select * from read
