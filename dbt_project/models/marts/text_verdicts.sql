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
        exact_hash,
        min(qualified_name) as qualified_name,
        count(*) as n_places,
        count(distinct repo_id) as n_repositories
    from {{ ref('int_live_places') }}
    group by pattern_id, exact_hash

),

joined as (

    select
        in_force.pattern_id,
        in_force.exact_hash,
        patterns.language,
        patterns.kind,
        places.qualified_name,
        places.n_places,
        places.n_repositories,
        in_force.outcome,
        in_force.previous_outcome,
        in_force.probability,
        in_force.decision,
        in_force.agreement,
        in_force.n_pass,
        in_force.n_fail,
        in_force.n_abstain,
        in_force.n_families,
        in_force.reason,
        in_force.changed,
        in_force.rule_version,
        in_force.decided_at,
        case
            when in_force.probability is null or in_force.agreement is null then in_force.reason
        end as unknown_reason
    from in_force
    inner join patterns on in_force.pattern_id = patterns.pattern_id
    inner join places on in_force.pattern_id = places.pattern_id and in_force.exact_hash = places.exact_hash

)

select * from joined
