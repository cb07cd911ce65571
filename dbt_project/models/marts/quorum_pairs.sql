with seats as (

    select * from {{ ref('int_seats') }}

),

votes as (

    select
        votes.pattern_id,
        votes.exact_hash,
        votes.member,
        seats.family,
        (votes.vote = 'pass')::int as is_pass
    from {{ ref('stg_votes') }} as votes
    inner join seats
        on votes.member = seats.member
        and votes.member_version = seats.member_version
    where votes.vote <> 'abstain'

),

counted as (

    select
        left_votes.member as member_a,
        right_votes.member as member_b,
        bool_and(left_votes.family = right_votes.family) as is_one_family,
        count(*) as n_texts,
        count(*) filter (where left_votes.is_pass = right_votes.is_pass) as n_agreeing,
        avg(left_votes.is_pass)::double precision as share_a,
        avg(right_votes.is_pass)::double precision as share_b
    from votes as left_votes
    inner join votes as right_votes
        on left_votes.pattern_id = right_votes.pattern_id
        and left_votes.exact_hash = right_votes.exact_hash
        and left_votes.member < right_votes.member
    group by left_votes.member, right_votes.member

),

-- Cohen (1960): agreement beyond what the two would have by chance, given how often each passes
chance as (

    select
        *,
        {{ share('n_agreeing', 'n_texts') }} as agreement,
        share_a * share_b + (1 - share_a) * (1 - share_b) as by_chance
    from counted

),

measured as (

    select
        member_a,
        member_b,
        is_one_family,
        n_texts,
        n_agreeing,
        agreement,
        (agreement - by_chance) / nullif(1 - by_chance, 0) as kappa,
        case when by_chance = 1 then 'both voted the same on every text' end as kappa_unknown_reason
    from chance

)

select * from measured
