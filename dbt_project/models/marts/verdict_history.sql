with periods as (

    select * from {{ ref('int_verdict_periods') }}

),

patterns as (

    select * from {{ ref('stg_patterns') }}

),

joined as (

    select
        periods.pattern_id,
        periods.exact_hash,
        periods.decided_at,
        periods.superseded_at,
        periods.is_in_force,
        patterns.language,
        patterns.kind,
        patterns.name,
        periods.outcome,
        periods.previous_outcome,
        periods.probability,
        periods.decision,
        periods.agreement,
        periods.n_pass,
        periods.n_fail,
        periods.n_abstain,
        periods.n_families,
        periods.reason,
        periods.changed,
        periods.rule_version
    from periods
    inner join patterns on periods.pattern_id = patterns.pattern_id

)

select * from joined
