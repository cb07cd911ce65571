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
        count(*) filter (where reading in ('parsed', 'partial')) as n_parsed_files
    from {{ ref('int_head_files') }}
    group by repo_id

),

verdicts as (

    select pattern_id, exact_hash, outcome from {{ ref('int_verdict_periods') }}
    where is_in_force

),

places as (

    select
        places.repo_id,
        count(*) as n_definitions,
        count(distinct places.pattern_id) as n_patterns,
        count(distinct places.family_id) as n_families,
        count(places.family_id) as n_definitions_in_families,
        count(distinct places.pattern_id) filter (where verdicts.outcome = 'reject') as n_rejected_patterns
    from {{ ref('int_live_places') }} as places
    left join verdicts on places.pattern_id = verdicts.pattern_id and places.exact_hash = verdicts.exact_hash
    group by places.repo_id

),

-- an ingested repository without files has 0 of them; one that was never ingested has an unknown number
joined as (

    select
        repositories.repo_id,
        repositories.repository,
        repositories.repository_kind,
        repositories.location,
        repositories.tags,
        repositories.team,
        repositories.added_at,
        repositories.status,
        repositories.is_shallow,
        repositories.head_sha,
        repositories.ingested_at,
        commits.first_commit_at,
        commits.last_commit_at,
        case when repositories.ingested_at is not null then coalesce(commits.n_commits, 0) end as n_commits,
        case when repositories.ingested_at is not null then coalesce(files.n_files, 0) end as n_files,
        case when repositories.ingested_at is not null then coalesce(files.n_parsed_files, 0) end as n_parsed_files,
        case when repositories.ingested_at is not null then coalesce(places.n_definitions, 0) end as n_definitions,
        case when repositories.ingested_at is not null then coalesce(places.n_patterns, 0) end as n_patterns,
        case when repositories.ingested_at is not null then coalesce(places.n_families, 0) end as n_families,
        case
            when repositories.ingested_at is not null then coalesce(places.n_rejected_patterns, 0)
        end as n_rejected_patterns,
        {{ share('places.n_definitions_in_families', 'places.n_definitions') }} as share_in_families,
        case
            when repositories.ingested_at is null
                then 'not ingested yet' || coalesce(': ' || repositories.status_reason, '')
        end as unknown_reason
    from repositories
    left join commits on repositories.repo_id = commits.repo_id
    left join files on repositories.repo_id = files.repo_id
    left join places on repositories.repo_id = places.repo_id

)

select * from joined
