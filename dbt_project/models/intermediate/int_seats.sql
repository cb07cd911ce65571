with sittings as (

    select * from {{ ref('stg_sittings') }}

),

members as (

    select * from {{ ref('stg_sitting_members') }}

),

seats as (

    select members.*
    from members
    inner join sittings on members.sitting_id = sittings.sitting_id
    where sittings.sat_at = (select max(latest.sat_at) from sittings as latest)

)

select * from seats
