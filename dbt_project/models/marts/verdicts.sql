with in_force as (

    select * from {{ ref('int_verdict_periods') }}
    where is_in_force

),

patterns as (

    select * from {{ ref('stg_patterns') }}

),

places as (

    select
        pattern_id,
        count(*) as n_places,
        count(distinct repo_id) as n_repositories
    from {{ ref('int_live_places') }}
    group by pattern_id

),

joined as (

    select
        in_force.pattern_id,
        patterns.language,
        patterns.kind,
        patterns.name,
        patterns.signature,
        places.n_places,
        places.n_repositories,
        in_force.outcome,
        in_force.score,
        in_force.agreement,
        in_force.n_pass,
        in_force.n_fail,
        in_force.n_abstain,
        in_force.reason,
        in_force.decided_at,
        in_force.previous_outcome,
        case
            when in_force.n_pass + in_force.n_fail = 0 then 'every member abstained'
        end as unknown_reason
    from in_force
    inner join patterns on in_force.pattern_id = patterns.pattern_id
    inner join places on in_force.pattern_id = places.pattern_id

)

select * from joined
