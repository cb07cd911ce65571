-- Which quorum members are miscalibrated or redundant?
with sides as (

    select member_a as member, member_b as other, kappa from quorum_pairs
    union all
    select member_b as member, member_a as other, kappa from quorum_pairs

),

-- Agreement no better than chance is likeness to nobody; of equals the first by name.
likest as (

    select
        member,
        other as likest_member,
        kappa as likest_kappa
    from sides
    where kappa > 0
    qualify row_number() over (partition by member order by kappa desc, other) = 1

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
