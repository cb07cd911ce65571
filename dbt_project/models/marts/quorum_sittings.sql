with sittings as (

    select * from {{ ref('stg_sittings') }}

),

shared as (

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
        {{ share('n_accept', 'n_texts') }} as share_accepted,
        {{ share('n_reject', 'n_texts') }} as share_rejected,
        {{ share('n_needs_review', 'n_texts') }} as share_needs_review,
        {{ share('n_changed', 'n_texts') }} as share_changed,
        alpha,
        n_labelled,
        calibration_error,
        case
            when alpha is null and calibration_error is null
                then 'no two members voted on one text, and too few texts have a label'
            when alpha is null then 'no two members voted on one text'
            when calibration_error is null then 'too few texts have a label'
        end as unknown_reason
    from sittings

)

select * from shared
