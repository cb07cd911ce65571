with source as (

    select * from {{ source('stemma', 'gate_results') }}

),

renamed as (

    select
        run_id,
        asset,
        gate,
        is_passed,
        is_blocking,
        description,
        evaluated_at
    from source

)

select * from renamed
