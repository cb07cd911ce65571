with source as (

    select * from {{ source('stemma', 'run_phases') }}

),

renamed as (

    select
        run_id,
        phase,
        seconds,
        cpu_seconds,
        n_rows
    from source

)

select * from renamed
