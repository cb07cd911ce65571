with copies as (

    select * from {{ ref('int_copies') }}

),

lives as (

    select * from {{ ref('int_copy_lives') }}

),

repository_commits as (

    select * from {{ ref('int_repository_commits') }}

),

-- the newest commit anywhere that is not dated in the future: as far as anything is known
today as (

    select max(last_commit_at) as known_until
    from repository_commits
    where last_commit_at <= current_timestamp

),

changes as (

    select
        copies.edge_id,
        copies.is_reversed,
        copies.copy_id,
        copies.source_id,
        copies.direction,
        copies.matched_by,
        copies.copy_category,
        copies.confidence,
        lives.node_id as change_id,
        lives.repository as source_repository,
        lives.path as source_path,
        lives.qualified_name as source_name,
        lives.sha as changed_sha,
        lives.subject as changed_subject,
        lives.position as changed_position,
        lives.occurred_at as changed_at,
        lives.is_fix
    from copies
    inner join lives on copies.source_id = lives.start_id
    where lives.is_change

),

-- a version of the copy that is as the source was after the change, or at any time since
caught_up as (

    select
        changes.edge_id,
        changes.is_reversed,
        changes.change_id,
        min(greatest(mine.occurred_at, theirs.occurred_at)) as caught_up_at
    from changes
    inner join lives as theirs
        on changes.source_id = theirs.start_id and theirs.position >= changes.changed_position
    inner join lives as mine on changes.copy_id = mine.start_id and theirs.pattern_id = mine.pattern_id
    group by changes.edge_id, changes.is_reversed, changes.change_id

),

copy_states as (

    select
        start_id as copy_id,
        max(repository) as copy_repository,
        min(occurred_at) filter (where node_id = start_id) as copied_at,
        coalesce(bool_or(is_live), false) as is_live,
        coalesce(max(path) filter (where is_live), max(path) filter (where node_id = start_id)) as copy_path,
        coalesce(max(qualified_name) filter (where is_live), max(qualified_name) filter (where node_id = start_id))
            as copy_name,
        max(ended_at) as ended_at,
        max(occurred_at) filter (where is_change) as last_changed_at
    from lives
    group by start_id

),

judged as (

    select
        changes.*,
        copy_states.copy_repository,
        copy_states.copy_path,
        copy_states.copy_name,
        copy_states.copied_at,
        greatest(changes.changed_at, copy_states.copied_at) as behind_since,
        caught_up.caught_up_at,
        case
            when caught_up.caught_up_at is not null then 'caught up'
            when not copy_states.is_live then 'removed'
            when copy_states.last_changed_at > changes.changed_at then 'changed otherwise'
            else 'open'
        end as status,
        case
            when caught_up.caught_up_at is not null then caught_up.caught_up_at
            when not copy_states.is_live then copy_states.ended_at
            else today.known_until
        end as behind_until
    from changes
    inner join copy_states on changes.copy_id = copy_states.copy_id
    left join caught_up
        on changes.edge_id = caught_up.edge_id
        and changes.is_reversed = caught_up.is_reversed
        and changes.change_id = caught_up.change_id
    cross join today

),

drift as (

    select
        edge_id,
        is_reversed,
        source_id,
        change_id,
        copy_id,
        source_repository,
        source_path,
        source_name,
        changed_sha,
        changed_subject,
        changed_at,
        is_fix,
        copy_repository,
        copy_path,
        copy_name,
        copy_category,
        copied_at,
        direction,
        matched_by,
        confidence,
        status,
        caught_up_at,
        greatest(extract(epoch from behind_until - behind_since) / 86400, 0)::double precision as days_behind
    from judged

)

select * from drift
