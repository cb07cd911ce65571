with patterns as (

    select * from {{ ref('stg_patterns') }}

),

places as (

    select
        pattern_id,
        min(family_id) as family_id,
        count(*) as n_places,
        count(distinct exact_hash) as n_texts,
        count(distinct repo_id) as n_repositories,
        min(since_at) as oldest_place_since_at
    from {{ ref('int_live_places') }}
    group by pattern_id

),

verdicts as (

    select * from {{ ref('verdicts') }}

),

joined as (

    select
        patterns.pattern_id,
        patterns.language,
        patterns.kind,
        patterns.name,
        patterns.signature,
        patterns.n_lines,
        patterns.n_tokens,
        patterns.is_trivial,
        patterns.trivial_reason,
        places.family_id,
        places.n_places,
        places.n_texts,
        places.n_repositories,
        places.oldest_place_since_at,
        verdicts.outcome as verdict,
        case
            when verdicts.outcome is not null then null
            when patterns.is_trivial then 'trivial: ' || patterns.trivial_reason
            else 'not judged yet'
        end as verdict_unknown_reason
    from patterns
    inner join places on patterns.pattern_id = places.pattern_id
    left join verdicts on patterns.pattern_id = verdicts.pattern_id

)

select * from joined
