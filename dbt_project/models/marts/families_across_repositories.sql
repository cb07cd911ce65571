with places as (

    select * from {{ ref('family_places') }}

),

by_repository as (

    select
        family_id,
        repo_id,
        min(family) as family,
        min(language) as language,
        min(repository) as repository,
        count(*) as n_places,
        count(distinct pattern_id) as n_patterns,
        min(path) as first_path,
        min(since_at) as since_at
    from places
    group by family_id, repo_id

),

counted as (

    select
        family_id,
        repo_id,
        family,
        language,
        repository,
        count(*) over (partition by family_id) as n_repositories,
        n_places,
        n_patterns,
        first_path,
        since_at
    from by_repository

),

across as (

    select * from counted
    where n_repositories >= 2

)

select * from across
