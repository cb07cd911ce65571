with votes as (

    select * from {{ ref('stg_votes') }}

),

in_force as (

    select pattern_id, outcome from {{ ref('int_verdict_periods') }}
    where is_in_force and outcome in ('accept', 'reject')

),

by_member as (

    select
        votes.member,
        votes.member_version,
        count(*) as n_votes,
        count(*) filter (where votes.vote = 'pass') as n_pass,
        count(*) filter (where votes.vote = 'fail') as n_fail,
        count(*) filter (where votes.vote = 'abstain') as n_abstain,
        mode() within group (order by votes.reason) as commonest_abstention,
        count(*) filter (where votes.vote <> 'abstain' and in_force.outcome is not null) as n_compared,
        count(*) filter (
            where votes.vote = 'pass' and in_force.outcome = 'accept'
            or votes.vote = 'fail' and in_force.outcome = 'reject'
        ) as n_agreeing,
        max(votes.voted_at) as last_voted_at
    from votes
    left join in_force on votes.pattern_id = in_force.pattern_id
    group by votes.member, votes.member_version

),

shared as (

    select
        member,
        member_version,
        n_votes,
        n_pass,
        n_fail,
        n_abstain,
        commonest_abstention,
        n_compared,
        n_agreeing,
        {{ share('n_agreeing', 'n_compared') }} as agreement,
        case when n_compared = 0 then 'none of its votes met a verdict of accept or reject' end as agreement_unknown_reason,
        last_voted_at
    from by_member

)

select * from shared
