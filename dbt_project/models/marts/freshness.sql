with repositories as (

    select * from {{ ref('stg_repositories') }}

),

commits as (

    select * from {{ ref('int_repository_commits') }}

),

files as (

    select
        repo_id,
        count(*) as n_files,
        count(*) filter (where reading = 'parsed') as n_parsed,
        count(*) filter (where reading = 'partial') as n_partial,
        count(*) filter (where reading = 'skipped') as n_skipped,
        count(*) filter (where reading = 'not_read') as n_not_read,
        count(*) filter (where reading = 'unknown_language') as n_unknown_language,
        count(*) filter (where reading = 'set_aside') as n_set_aside
    from {{ ref('int_head_files') }}
    group by repo_id

),

counted as (

    select
        repositories.repo_id,
        repositories.repository,
        repositories.status,
        repositories.ingested_at,
        commits.last_commit_at,
        files.n_files,
        files.n_parsed,
        files.n_partial,
        files.n_skipped,
        files.n_not_read,
        files.n_unknown_language,
        files.n_set_aside,
        files.n_files - files.n_set_aside as n_in_scope,
        case
            when repositories.ingested_at is null
                then 'not ingested yet' || coalesce(': ' || repositories.status_reason, '')
            when files.n_files is null
                then 'no file at its head' || coalesce(': ' || repositories.status_reason, '')
            when files.n_files = files.n_set_aside
                then 'every file at its head is vendored, generated, minified, binary or a link'
        end as unknown_reason
    from repositories
    left join commits on repositories.repo_id = commits.repo_id
    left join files on repositories.repo_id = files.repo_id

),

shared as (

    select
        repo_id,
        repository,
        status,
        last_commit_at,
        ingested_at,
        extract(epoch from ingested_at - last_commit_at)::double precision / 3600 as hours_commit_to_ingest,
        n_files,
        n_parsed,
        n_partial,
        n_skipped,
        n_not_read,
        n_unknown_language,
        n_set_aside,
        {{ share('n_parsed', 'n_in_scope') }} as share_parsed,
        {{ share('n_partial', 'n_in_scope') }} as share_partial,
        {{ share('n_skipped', 'n_in_scope') }} as share_skipped,
        {{ share('n_not_read', 'n_in_scope') }} as share_not_read,
        {{ share('n_unknown_language', 'n_in_scope') }} as share_unknown_language,
        unknown_reason
    from counted

)

select * from shared
