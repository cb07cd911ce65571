-- Which quorum members are miscalibrated or redundant?
with likest as (

    select
        member,
        arg_max(other, kappa) as likest_member,
        max(kappa) as likest_kappa
    from (
        select member_a as member, member_b as other, kappa from quorum_pairs
        union all
        select member_b as member, member_a as other, kappa from quorum_pairs
    ) as sides
    group by member

)

select
    members.member,
    members.family,
    members.n_labelled,
    round(members.accuracy, 3) as accuracy,
    round(members.calibration_error, 3) as calibration_error,
    members.calibration_error > 0.1 as is_miscalibrated,
    round(members.marginal_worth, 4) as marginal_worth,
    members.n_decisive,
    members.marginal_worth <= 0 and members.n_decisive = 0 as is_redundant,
    likest.likest_member,
    round(likest.likest_kappa, 3) as likest_kappa,
    members.worth_unknown_reason
from quorum_members as members
left join likest on members.member = likest.member
where members.is_seated
order by is_redundant desc nulls last, is_miscalibrated desc nulls last, members.member
