with source as (

    select * from {{ source('stemma', 'sitting_members') }}

),

renamed as (

    select
        sitting_id,
        member,
        member_version,
        family,
        n_pass,
        n_fail,
        n_abstain,
        n_no_answer,
        n_true_pass,
        n_false_pass,
        n_true_fail,
        n_false_fail,
        sensitivity,
        specificity,
        calibration_error,
        marginal_worth,
        n_decisive,
        seconds,
        cost
    from source

)

select * from renamed
