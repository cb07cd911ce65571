with votes as (

    select * from {{ ref('stg_votes') }}

),

in_force as (

    select pattern_id, exact_hash, outcome from {{ ref('int_verdict_periods') }}
    where is_in_force and outcome in ('accept', 'reject')

),

seats as (

    select * from {{ ref('int_seats') }}

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
        sum(votes.seconds) as seconds,
        sum(votes.cost) as cost,
        max(votes.voted_at) as last_voted_at
    from votes
    left join in_force on votes.pattern_id = in_force.pattern_id and votes.exact_hash = in_force.exact_hash
    group by votes.member, votes.member_version

),

joined as (

    select
        by_member.member,
        by_member.member_version,
        seats.family,
        seats.member is not null as is_seated,
        by_member.n_votes,
        by_member.n_pass,
        by_member.n_fail,
        by_member.n_abstain,
        by_member.commonest_abstention,
        by_member.n_compared,
        by_member.n_agreeing,
        {{ share('by_member.n_agreeing', 'by_member.n_compared') }} as agreement,
        case
            when by_member.n_compared = 0 then 'none of its votes met a verdict of accept or reject'
        end as agreement_unknown_reason,
        seats.n_no_answer,
        seats.n_true_pass + seats.n_false_pass + seats.n_true_fail + seats.n_false_fail as n_labelled,
        {{ share('(seats.n_true_pass + seats.n_true_fail)', '(seats.n_true_pass + seats.n_false_pass + seats.n_true_fail + seats.n_false_fail)') }} as accuracy,
        seats.sensitivity,
        seats.specificity,
        seats.calibration_error,
        seats.marginal_worth,
        seats.n_decisive,
        case
            when seats.member is null then 'this version had no seat at the last sitting'
            when seats.calibration_error is null or seats.marginal_worth is null
                then 'too few of the texts it voted on have a label'
        end as worth_unknown_reason,
        by_member.seconds,
        by_member.cost,
        by_member.last_voted_at
    from by_member
    left join seats
        on by_member.member = seats.member
        and by_member.member_version = seats.member_version

)

select * from joined
