with source as (

    select * from {{ source('stemma', 'origins') }}

),

renamed as (

    select
        node_id,
        repo_id,
        origin,
        agent_share,
        agent,
        model,
        session_id,
        confidence
    from source

)

select * from renamed
