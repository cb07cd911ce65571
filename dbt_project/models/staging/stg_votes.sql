with source as (

    select * from {{ source('stemma', 'votes') }}

),

renamed as (

    select
        pattern_id,
        exact_hash,
        member,
        member_version,
        vote,
        probability,
        reason,
        seconds,
        cost,
        voted_at
    from source

)

select * from renamed
