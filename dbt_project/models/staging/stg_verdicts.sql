with source as (

    select * from {{ source('stemma', 'verdicts') }}

),

renamed as (

    select
        pattern_id,
        exact_hash,
        decided_at,
        outcome,
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
    from source

)

select * from renamed
