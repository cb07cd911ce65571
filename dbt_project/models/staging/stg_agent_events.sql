with source as (

    select * from {{ source('stemma', 'agent_events') }}

),

renamed as (

    select
        event_id,
        occurred_at,
        received_at,
        agent,
        event_type,
        session_id,
        correlation_id,
        tool_name,
        is_success,
        cwd,
        file_path,
        n_redactions
    from source

)

select * from renamed
