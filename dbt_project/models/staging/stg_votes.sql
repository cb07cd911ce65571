with source as (

    select * from {{ source('stemma', 'votes') }}

),

renamed as (

    select
        pattern_id,
        member,
        member_version,
        vote,
        reason,
        voted_at
    from source

)

select * from renamed
