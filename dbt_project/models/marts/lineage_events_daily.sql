with events as (

    select * from {{ ref('stg_lineage_events') }}

),

repositories as (

    select * from {{ ref('stg_repositories') }}

),

by_day as (

    select
        events.repo_id,
        repositories.repository,
        events.occurred_on,
        events.event_type,
        count(*) as n_events,
        count(distinct events.sha) as n_commits
    from events
    inner join repositories on events.repo_id = repositories.repo_id
    group by events.repo_id, repositories.repository, events.occurred_on, events.event_type

)

select * from by_day
