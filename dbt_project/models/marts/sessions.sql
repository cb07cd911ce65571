with events as (

    select * from {{ ref('stg_agent_events') }}
    where session_id is not null

),

by_session as (

    select
        agent,
        session_id,
        min(occurred_at) as started_at,
        max(occurred_at) as ended_at,
        extract(epoch from max(occurred_at) - min(occurred_at))::double precision as seconds,
        min(cwd) as cwd,
        count(*) as n_events,
        count(tool_name) as n_tool_events,
        count(*) filter (where tool_name is not null and is_success) as n_succeeded,
        count(*) filter (where tool_name is not null and not is_success) as n_failed,
        count(*) filter (where tool_name is not null and is_success is null) as n_outcome_unknown,
        count(distinct file_path) as n_files,
        sum(n_redactions)::bigint as n_redactions
    from events
    group by agent, session_id

)

select * from by_session
