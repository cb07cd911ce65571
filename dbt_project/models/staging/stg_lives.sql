with source as (

    select * from {{ source('stemma', 'lives') }}

),

renamed as (

    select
        life_id,
        repo_id,
        unit,
        node_id,
        origin,
        agent,
        model,
        n as n_units,
        began_at,
        ended_at,
        is_ended,
        days
    from source

)

select * from renamed
