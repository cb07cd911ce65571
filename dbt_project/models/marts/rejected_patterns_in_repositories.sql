with rejected as (

    select * from {{ ref('text_verdicts') }}
    where outcome = 'reject'

),

places as (

    select * from {{ ref('int_live_places') }}

),

patterns as (

    select * from {{ ref('stg_patterns') }}

),

-- only places of a rejected text: another text of the pattern may call something else, and be good
carried as (

    select
        places.pattern_id,
        places.repo_id,
        min(places.repository) as repository,
        min(places.family_id) as family_id,
        count(*) as n_places,
        count(distinct places.exact_hash) as n_texts,
        array_agg(
            places.path || ':' || places.qualified_name
            order by places.path, places.qualified_name, places.kind, places.duplicate_index
        ) as places,
        min(places.since_at) as since_at,
        min(rejected.probability) as probability,
        (array_agg(rejected.reason order by rejected.probability nulls last, places.path))[1] as reason,
        max(rejected.decided_at) as decided_at
    from places
    inner join rejected on places.pattern_id = rejected.pattern_id and places.exact_hash = rejected.exact_hash
    group by places.pattern_id, places.repo_id

),

joined as (

    select
        carried.pattern_id,
        carried.repo_id,
        carried.repository,
        patterns.language,
        patterns.kind,
        patterns.name,
        carried.n_places,
        carried.n_texts,
        carried.places,
        carried.since_at,
        carried.family_id,
        count(*) over (partition by carried.pattern_id) as n_repositories,
        carried.probability,
        carried.reason,
        carried.decided_at
    from carried
    inner join patterns on carried.pattern_id = patterns.pattern_id

)

select * from joined
