with families as (

    select * from {{ ref('stg_families') }}

),

places as (

    select
        family_id,
        count(*) as n_places,
        count(distinct pattern_id) as n_patterns,
        count(distinct exact_hash) as n_texts,
        count(distinct repo_id) as n_repositories,
        array_agg(distinct repository order by repository) as repositories,
        case when count(n_lines) = count(*) then sum(n_lines)::bigint end as n_lines,
        min(since_at) as oldest_place_since_at
    from {{ ref('family_places') }}
    group by family_id

),

matches as (

    select * from {{ ref('int_family_matches') }}

),

verdicts as (

    select
        members.family_id,
        count(*) filter (where verdicts.outcome = 'reject') as n_rejected_patterns,
        count(*) filter (where verdicts.outcome is null) as n_unjudged_patterns
    from (select distinct family_id, pattern_id from {{ ref('family_places') }}) as members
    left join {{ ref('verdicts') }} as verdicts on members.pattern_id = verdicts.pattern_id
    group by members.family_id

),

joined as (

    select
        families.family_id,
        families.family,
        families.language,
        families.medoid_pattern_id,
        case
            when places.n_patterns = 1 and places.n_texts = 1 then 'type-1'
            when places.n_patterns = 1 then 'type-2'
            when matches.n_semantic_pairs > 0 then 'semantic'
            when matches.n_type_3_pairs > 0 then 'type-3'
        end as clone_type,
        places.n_places,
        places.n_patterns,
        places.n_texts,
        places.n_repositories,
        places.repositories,
        places.n_lines,
        families.mean_score,
        families.cohesion,
        matches.lowest_score,
        verdicts.n_rejected_patterns,
        verdicts.n_unjudged_patterns,
        places.oldest_place_since_at,
        families.created_at,
        families.updated_at
    from families
    inner join places on families.family_id = places.family_id
    left join matches on families.family_id = matches.family_id
    left join verdicts on families.family_id = verdicts.family_id

)

select * from joined
