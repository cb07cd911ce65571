with source as (

    select * from {{ source('stemma', 'runs') }}

),

renamed as (

    select
        run_id,
        started_at,
        ended_at,
        status,
        peak_memory_mib,
        error,
        degraded
    from source

)

select * from renamed
