with verdicts as (

    select * from {{ ref('stg_verdicts') }}

),

periods as (

    select
        pattern_id,
        exact_hash,
        decided_at,
        lead(decided_at) over history as superseded_at,
        lead(decided_at) over history is null as is_in_force,
        outcome,
        lag(outcome) over history as previous_outcome,
        probability,
        decision,
        agreement,
        n_pass,
        n_fail,
        n_abstain,
        n_families,
        reason,
        changed,
        rule_version
    from verdicts
    window history as (partition by pattern_id, exact_hash order by decided_at)

)

select * from periods
