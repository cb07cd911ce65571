with gates as (

    select * from {{ ref('stg_gate_results') }}

),

named as (

    select
        run_id,
        asset,
        gate,
        evaluated_at,
        is_passed,
        is_blocking,
        description
    from gates

)

select * from named
