with source as (

    select * from {{ source('stemma', 'sittings') }}

),

renamed as (

    select
        sitting_id,
        sat_at,
        rule_version,
        n_texts,
        n_decided,
        n_accept,
        n_reject,
        n_needs_review,
        n_changed,
        alpha,
        n_labelled,
        calibration_error
    from source

)

select * from renamed
