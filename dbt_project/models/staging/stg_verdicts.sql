with source as (

    select * from {{ source('stemma', 'verdicts') }}

),

renamed as (

    select
        pattern_id,
        decided_at,
        outcome,
        score,
        agreement,
        n_pass,
        n_fail,
        n_abstain,
        reason
    from source

)

select * from renamed
