with rejected as (

    select * from {{ ref('verdicts') }}
    where outcome = 'reject'

),

places as (

    select
        pattern_id,
        repo_id,
        min(repository) as repository,
        min(family_id) as family_id,
        count(*) as n_places,
        array_agg(path || ':' || qualified_name order by path, qualified_name, kind, duplicate_index) as places,
        min(since_at) as since_at
    from {{ ref('int_live_places') }}
    group by pattern_id, repo_id

),

joined as (

    select
        rejected.pattern_id,
        places.repo_id,
        places.repository,
        rejected.language,
        rejected.kind,
        rejected.name,
        places.n_places,
        places.places,
        places.since_at,
        places.family_id,
        rejected.n_repositories,
        rejected.score,
        rejected.agreement,
        rejected.reason,
        rejected.decided_at
    from rejected
    inner join places on rejected.pattern_id = places.pattern_id

)

select * from joined
